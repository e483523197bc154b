"""The problems that this service answers with, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    Malformed,
    NotAuthenticated,
    NotFound,
    ProblemCode,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UnsupportedMedia,
    Worded,
)


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Devices and their credentials
    DEVICE_CREDENTIAL_MISSING = (
        NotAuthenticated,
        "a device credential is required (Authorization: Bearer <device id>.<secret>, or Basic)",
    )
    DEVICE_CREDENTIAL_MALFORMED = (
        NotAuthenticated,
        "this is not a device credential: send <device id>.<secret>",
    )
    DEVICE_CREDENTIAL_SCHEME = NotAuthenticated, "send a device credential as Bearer or Basic"
    DEVICE_CREDENTIAL_UNKNOWN = (
        NotAuthenticated,
        "this device credential is unknown or no longer valid",
    )
    DEVICES_NOT_LOADED = Unavailable, "the devices are not loaded yet; try again later"
    DEVICE_UNKNOWN = NotFound, "there is no such device"
    DEVICE_NAME_TAKEN = Conflict, "another device has this name"
    DEVICE_REVOKED = Conflict, "this device is revoked; reinstate it to issue a credential"
    DEVICE_REVOKED_BEFORE = Conflict, "this device is revoked already"
    DEVICE_NOT_REVOKED = Conflict, "this device is not revoked"
    DEVICE_PLACE_MISSING = InvalidInput, "a fixed device needs a place: give latitude and longitude"
    VEHICLE_HAS_NO_PLACE = InvalidInput, "a vehicle has no fixed place: leave it out"
    DEVICE_BUFFER_TOO_LONG = (
        InvalidInput,
        "a device of the kind {kind} may keep captures back for {most_h:g} hours at most"
        " ([devices.may_buffer_h] of the policy)",
    )
    DEVICE_RATE_EXCEEDED = TooManyRequests, "this device may send {per_s:g} {what} a second"
    TOO_MUCH_IN_FLIGHT = Unavailable, "this process holds too many request bytes; try again later"

    # Time and place of a frame or read
    CAPTURE_FIELD_UNKNOWN = InvalidInput, "there is no such field; the fields are {allowed}"
    CAPTURE_FIELD_NOT_ASCII = InvalidInput, "{name} may contain printable ASCII characters only"
    CAPTURE_FIELD_TOO_LONG = InvalidInput, "{name} is longer than {max_characters} characters"
    CAPTURE_FIELD_CONTRADICTED = InvalidInput, "{name} has two different values"
    CAPTURED_AT_UNREADABLE = (
        InvalidInput,
        "captured_at is not a time; send e.g. 2026-06-01T12:00:00.250Z",
    )
    CAPTURED_AT_WITHOUT_ZONE = InvalidInput, "captured_at has no time zone; add Z or an offset"
    CAPTURED_AT_OUT_OF_AGE = InvalidInput, "captured_at is outside the years that can be stored"
    CAPTURED_AT_IN_FUTURE = (
        InvalidInput,
        "captured_at is in the future: the device's clock is wrong",
    )
    CAPTURED_AT_TOO_OLD = (
        InvalidInput,
        "captured_at is before the retention schedule (policy 468.5)",
    )
    HEADING_WITHOUT_PLACE = InvalidInput, "a heading needs latitude and longitude"
    PLACE_INCOMPLETE = InvalidInput, "give both latitude and longitude, or neither"
    PLACE_OUT_OF_RANGE = InvalidInput, "{name} must be a number from {least} to {most}"
    PLACE_TOO_FAR = (
        InvalidInput,
        "the place is {away_m:,.0f} m from the registered place of this fixed camera; {most_m:,.0f} m are"
        " allowed. Leave the place out, or have the registered place changed",
    )

    # Reads of cameras and posts in makers' formats
    JSON_NESTED_TOO_DEEP = Malformed, "the body is nested too deeply"

    # Reads of cameras
    READS_ENCODING_UNKNOWN = UnsupportedMedia, "send reads uncompressed or as gzip"
    READS_NOT_GZIP = Malformed, "the body is not gzip"
    READS_UNPACK_TOO_LARGE = TooLarge, "the body unpacks to more than {max_bytes} bytes"
    READS_GZIP_CUT_OFF = Malformed, "the gzip body is truncated, or has bytes after its end"
    READS_MEDIA_UNKNOWN = UnsupportedMedia, "send reads as {first} or {second}"
    READS_EMPTY = InvalidInput, "the batch has no reads"
    READS_TOO_MANY = TooLarge, "a batch may have {max_reads} reads at most, not {reads}"
    READ_REFUSED = InvalidInput, "read {index}: {because}"
    READ_FIELD_REFUSED = InvalidInput, "read {index}, {name}: {because}"
    READ_REGION_UNKNOWN = InvalidInput, "is not a region in its full form: send {allowed}"
    READ_SOURCE_ID_REUSED = (
        InvalidInput,
        "another read of this batch has the same source_id and other values",
    )
    READ_PLACE_INCOMPLETE = (
        InvalidInput,
        "give both latitude and longitude, or neither; a heading needs both",
    )
    READS_PARAMETER_UNKNOWN = InvalidInput, "there is no such parameter; the only one is `ids`"
    READS_IDS_NOT_BOOLEAN = InvalidInput, "ids must be true or false"

    # Posts in makers' formats
    MAKER_DOCUMENT_MISSING = Malformed, "the post has pictures alone, and no document about them"
    MAKER_DOCUMENT_TOO_LARGE = TooLarge, "the document has more than {max_objects} objects"
    MAKER_XML_UNREADABLE = (
        Malformed,
        "the document is not the XML of an event (EventNotificationAlert) of 256 KiB at most",
    )
    MAKER_FIELD_MISSING = InvalidInput, "{name} is missing"
    MAKER_NUMBER_UNREADABLE = InvalidInput, "{name} is not a number that can be used"
    MAKER_DAY_UNREADABLE = InvalidInput, "{name} is not a day such as 01/06/2026 (day, month, year)"
    READS_WITH_PICTURES_TOO_MANY = (
        InvalidInput,
        "a post with pictures has {max_reads} reads at most; send reads without pictures to /v1/reads",
    )
    READS_OF_SEVERAL_MOMENTS = (
        InvalidInput,
        "reads that come with a frame are of its moment: give them the same captured_at, or post them one by one",
    )
    MAKER_PARAMETER_UNKNOWN = InvalidInput, "this address takes no parameters"

    # Frames
    FRAME_ENCODED = UnsupportedMedia, "send a frame without a content encoding"
    FORM_BOUNDARY_MISSING = Malformed, "the multipart body has no boundary"
    FORM_BOUNDARY_INVALID = Malformed, "the multipart boundary is not valid"
    FORM_UNREADABLE = Malformed, "the multipart body does not parse"
    FORM_CUT_OFF = Malformed, "the multipart body is truncated"
    FORM_FILE_MISSING = InvalidInput, "the form has no file"
    FORM_TOO_MANY_PARTS = TooLarge, "the form has more than {max_parts} parts"
    FORM_PART_UNNAMED = Malformed, "a part of the form has no name"
    FORM_FILE_TWICE = InvalidInput, "the form has more than one file"
    FORM_FIELD_TWICE = InvalidInput, "the form has this field twice"
    FORM_PART_TOO_LARGE = TooLarge, "this part has more than {max_bytes} bytes"
    FORM_FIELD_NOT_UTF8 = InvalidInput, "this field is not UTF-8"
    IMAGE_BROKEN = Malformed, "the image is broken at byte {byte}: {defect}"
    IMAGE_KIND_UNKNOWN = UnsupportedMedia, "{kind}; send a still JPEG, PNG or WebP image"
    IMAGE_TOO_MANY_PIECES = (
        TooLarge,
        "the image has more than {max_pieces} segments or chunks",
    )
    IMAGE_TOO_MANY_SCANS = TooLarge, "the image has more than {max_scans} scans"
    IMAGE_TOO_LARGE = (
        TooLarge,
        "the image has {width_px} x {height_px} pixels by its header; the limit is {max_megapixels}"
        " megapixels and {max_side_px} pixels a side",
    )


@unique
class ImageDefect(Worded):
    """The `defect` of `image_broken`: how a file breaks its own format."""

    TRUNCATED = "truncated", "it is truncated"
    TRAILING_BYTES = "trailing_bytes", "other bytes follow its end"
    NO_PIXELS = "no_pixels", "its header declares no pixels"
    NO_PICTURE = "no_picture", "it has no picture data"
    SECOND_PICTURE = "second_picture", "it has two pictures"
    SECOND_HEADER = "second_header", "it has two headers"
    HEADER_LENGTH = "header_length", "its header has the wrong length"
    HEADER_CONTRADICTION = "header_contradiction", "its header contradicts itself"
    HEADER_LATE = "header_late", "its header does not come first"
    MARKER_MISSING = "marker_missing", "a marker is missing"
    MARKER_MISPLACED = "marker_misplaced", "a marker is out of place"
    SEGMENT_LENGTH = "segment_length", "a segment has no length"
    SCAN_EMPTY = "scan_empty", "a scan has no data"
    CHUNK_LENGTH = "chunk_length", "a chunk reaches past the end"
    CHUNK_NAME = "chunk_name", "a chunk has no name"
    CHUNK_CHECKSUM = "chunk_checksum", "a chunk does not match its CRC"
    CHUNK_UNKNOWN = "chunk_unknown", "it needs a chunk that the standard does not have"
    CHUNKS_APART = "chunks_apart", "its IDAT chunks do not follow each other"
    PALETTE_MISSING = "palette_missing", "it has no palette"
    LENGTH_DIFFERS = "length_differs", "its length is not the one in its header"
    SIZES_DIFFER = "sizes_differ", "canvas and picture differ in size"
    NOT_KEY_FRAME = "not_key_frame", "its picture is not a key frame"
    VERSION_UNKNOWN = "version_unknown", "its picture has an unknown version"


@unique
class ImageKind(Worded):
    """The `kind` of `image_kind_unknown`: what is sent instead of a frame."""

    EMPTY = "empty", "the body is empty"
    UNKNOWN = "unknown", "this is not an image of a known format"
    GIF = "gif", "this is a GIF"
    BMP = "bmp", "this is a BMP"
    TIFF = "tiff", "this is a TIFF"
    PDF = "pdf", "this is a PDF"
    MARKUP = "markup", "this is markup"
    JSON = "json", "this is JSON"
    ISO_MEDIA = "iso_media", "this is an ISO media file (HEIF, AVIF or MP4)"
    ANIMATED_PNG = "animated_png", "this PNG is animated"
    ANIMATED_WEBP = "animated_webp", "this WebP is animated"
    JPEG_PROCESS = "jpeg_process", "this JPEG has a coding process that cameras do not use"
    JPEG_DEPTH = "jpeg_depth", "this JPEG does not have 8 bits a sample"
    JPEG_COMPONENTS = "jpeg_components", "this JPEG does not have 1, 3 or 4 components"
