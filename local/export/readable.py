"""What an export has for people and other products beside its tables: reads as GeoJSON, and a page that explains it."""

from local.export import layout
from local.export.tables import Query

READS = Query("""
    SELECT json_build_object(
        'type', 'Feature',
        'id', one.read_id,
        'geometry', CASE WHEN one.latitude IS NOT NULL AND one.longitude IS NOT NULL THEN
            json_build_object('type', 'Point', 'coordinates', json_build_array(one.longitude, one.latitude)) END,
        'properties', json_build_object(
            'plate', plates.plate, 'plate_as_read', one.plate_as_read, 'region', one.region,
            'confidence', one.confidence, 'captured_at', one.captured_at, 'received_at', one.received_at,
            'device_id', one.device_id, 'device_name', devices.device_name, 'heading_deg', one.heading_deg,
            'agency_ori', one.agency_ori, 'source', one.source, 'model', one.model,
            'capture_id', one.capture_id, 'image', one.image_key, 'crop', one.crop_key, 'held', one.held
        )
    )::text
    FROM (
        SELECT read_id, capture_id, device_id, plate_id, plate_as_read, region, confidence, captured_at, received_at,
            latitude, longitude, heading_deg, agency_ori, source, model, image_key, crop_key, false AS held
        FROM retention.reads
        UNION ALL
        SELECT read_id, capture_id, device_id, plate_id, plate_as_read, region, confidence, captured_at, received_at,
            latitude, longitude, heading_deg, agency_ori, source, model, image_key, crop_key, true
        FROM retention.held_reads
    ) AS one
    LEFT JOIN retention.plates USING (plate_id) LEFT JOIN retention.devices USING (device_id)
""")
"""All reads with their plates and cameras, as features of GeoJSON (RFC 7946)."""


def readme(name: str, log_key: str) -> str:
    """Return the page for those who open the export `name`; `log_key` is the log's public key."""
    return f"""Export {name}: everything that a department had in Plateward, in open formats.

manifest.json          every file with its size and SHA-256, the rows of each table, size and root of the audit log
manifest.note          the signature over manifest.json: a signed note (C2SP) of the audit log's key
{layout.READS}
                       all plate reads: a feature of GeoJSON (RFC 7946) a line, gzip
tables/SERVICE.TABLE.ndjson.gz
                       all rows of a table: a JSON object a line, gzip. Times are ISO 8601 with their offset, bytes are
                       \\x and hexadecimal, integers have up to 64 bits
{layout.TABLES}  the tables: files, columns, PostgreSQL's types, keys
{layout.BEFORE}, {layout.AFTER}
                       the same as SQL for PostgreSQL
{layout.OBJECTS}       the pictures, packages and documents: a JSON object a line with key, SHA-256, bytes and time, gzip
objects/AB/ABCD...     their contents, each under the first two characters of its SHA-256, then the whole of it
{layout.AUDIT_LOG}        the audit log: its exact entries, a Merkle tree (RFC 6962) whose root is in manifest.json, and
                       signed checkpoints. Anyone can recompute it
{layout.PUBLIC_KEYS}       public keys, to check the log, packages and certificates
{layout.KEYS}       the installation's secret keys, for the recipient of the export alone; it may be missing
{layout.POLICY}            the policy in force

Columns with bytes whose names say "sealed" or "secret" open with the secret keys only, and values of the audit log are
destroyed with their keys. The records stay under the policy and its schedule, whoever has this folder: manifest.json
says by when it is imported or destroyed (ends_at).

To verify: plateward verify-export FOLDER --vkey {log_key}
To import: plateward import FOLDER
Take the key from somewhere else than this folder.
"""
