"""The problems that this service answers with, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ProblemCode,
    TooManyRequests,
    Unavailable,
    Worded,
)


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Accounts
    ACCOUNT_UNKNOWN = NotFound, "there is no such account"
    USERNAME_TAKEN = Conflict, "this username is taken"
    USERNAME_MALFORMED = (
        InvalidInput,
        "must have 3 to 32 letters, digits, dots, dashes and underscores",
    )
    ACCOUNT_CHANGED_SINCE = (
        Conflict,
        "another person changed this since you looked at it: see what the account has now, and decide again",
    )
    ACCOUNT_STATE_FORBIDS = Conflict, "an account that is {status} cannot be {change}"
    ACCOUNT_TRAINING_NOT_CURRENT = (
        Conflict,
        "this person's training must be current before the account is reinstated",
    )
    OWN_ACCOUNT = NotAuthorised, "you cannot {doing} your own account; another administrator must"
    TITLE_OF_OTHER_AGENCIES = InvalidInput, "this title is for people of other agencies"
    TITLE_OF_THE_DEPARTMENT = InvalidInput, "this title is for people of the department"
    TITLE_ALLOWS_ONE_ROLE = InvalidInput, "this title can hold the role {role} only"
    TITLE_ALLOWS_NO_SOURCE = InvalidInput, "this title is entitled to no data source"
    TITLE_NOT_AUTHORISED = (
        InvalidInput,
        "this job title is not authorised by the policy (468.3.1(a)); the titles are: {allowed}",
    )
    ROLE_OF_OTHER_AGENCIES = InvalidInput, "{role} is for people of other agencies"
    ROLE_UNKNOWN = InvalidInput, "there is no such role: {roles}; the roles are: {allowed}"
    EXCLUSIVE_ROLES = (
        InvalidInput,
        "one person may not hold both roles: {pairs} (policy.toml, exclusive_roles)."
        " Assign one of them to another person",
    )

    # Invitations and enrolment
    REINVITATION_NOT_PROPOSED = (
        Conflict,
        "there is no proposal to invite this person anew; propose it first",
    )
    REINVITATION_NEEDS_ANOTHER_PERSON = (
        NotAuthorised,
        "you proposed to invite this person anew, or are this person: another administrator must approve"
        " it (ADR-0025)",
    )
    INVITER_DELIVERS = (
        NotAuthorised,
        "you invited this person: another person with account:deliver must hand the invitation over"
        " (ADR-0025)",
    )
    INVITATION_NOT_WAITING = (
        Conflict,
        "this account has no undelivered invitation; ask an administrator for one",
    )
    INVITATION_DELIVERED = (
        Conflict,
        "this invitation was delivered on {delivered_at:%Y-%m-%d %H:%M} UTC and is shown only once; if it is"
        " lost, an administrator must invite the person anew",
    )
    INVITATION_NOT_HELD = (
        NotAuthenticated,
        "this invitation is unknown, used or expired; ask for another",
    )
    SET_UP_LINK_NOT_HELD = (
        NotAuthenticated,
        "this set-up link is unknown, used or expired; stop `plateward serve` and start it again for another",
    )
    SET_UP_FROM_ELSEWHERE = (
        NotAuthorised,
        "the set-up link works only in a browser on the machine that runs Plateward",
    )
    SET_UP_DONE = (
        Conflict,
        "this department has people already: sign in, or ask an ALPR administrator for an invitation",
    )
    MAIL_NOT_SET_UP = (
        InvalidInput,
        "this system sends no mail (IDENTITY_MAIL_URL): leave email out, and hand the invitation over",
    )
    MAIL_REFUSED = (
        Unavailable,
        "the mail server refused the mail with the reply {reply}; the invitation is not delivered. Check the"
        " address and try again, or leave email out and hand the invitation over",
    )
    MAIL_SERVER_AWAY = (
        Unavailable,
        "the mail server cannot be reached over TLS; the invitation is not delivered. Try again, or leave"
        " email out and hand the invitation over",
    )
    PASSWORD_NOT_SET = InvalidInput, "set a password first"
    SECOND_FACTOR_WRONG = InvalidInput, "this is not the current code"
    SECOND_FACTOR_NOT_OFFERED = (
        InvalidInput,
        "this key was offered to another session, or too long ago; begin the change again",
    )

    # Security keys
    SECURITY_KEYS_NOT_SET_UP = (
        InvalidInput,
        "this system uses no security keys (IDENTITY_CONSOLE_HOST): use a code of your authenticator",
    )
    SECURITY_KEY_UNKNOWN = NotFound, "you have no such security key"
    SECURITY_KEY_WRONG = (
        InvalidInput,
        "the security key was not made for this page, or too late; begin again",
    )
    SECURITY_KEY_KNOWN = Conflict, "this security key is stored already; use another one"
    SECURITY_KEYS_FULL = (
        Conflict,
        "you have {most} security keys, the most there may be; remove one first",
    )
    SECURITY_KEY_NEEDED = (
        Conflict,
        "you sign in by security key only, and this is your last one: add another, or let codes count again first",
    )
    NO_SECURITY_KEY = Conflict, "you have no security key to sign in with; add one first"
    SECURITY_KEY_ASKED = (
        InvalidInput,
        "use one of your security keys for this, to see that it works",
    )
    NOT_BASE64URL = InvalidInput, "is not base64url without padding"
    ONE_SECOND_FACTOR = InvalidInput, "give either totp or security_key"

    # Sign-in and passwords
    SIGN_IN_REFUSED = (
        NotAuthenticated,
        "the username, password or second factor is wrong, or the account is locked or disabled; ask an ALPR"
        " administrator",
    )
    REFRESH_TOKEN_INVALID = (
        NotAuthenticated,
        "this refresh token is not valid; sign in again",
    )
    SIGN_IN_BUSY = TooManyRequests, "too many people are signing in; try again in a moment"
    SESSION_CLOSED = NotAuthenticated, "the session is closed; sign in again"
    SESSION_CLOSED_BY_FAILURES = (
        NotAuthenticated,
        "too many failures: the session is closed; sign in again",
    )
    PASSWORD_PROOF_WRONG = InvalidInput, "the current password or the second factor is wrong"
    CODE_USED = InvalidInput, "this code was used already; wait for the next one"
    ANSWER_USED = InvalidInput, "this answer of the security key was used already; use it again"
    PASSWORD_IN_USE = InvalidInput, "the new password is the current one"
    PASSWORD_CHANGED_MEANWHILE = (
        Conflict,
        "the password was changed during this request; sign in with the new one",
    )
    PASSWORD_TOO_SHORT = InvalidInput, "the password has fewer than {min_characters} characters"
    PASSWORD_TOO_LONG = InvalidInput, "the password has more than {max_characters} characters"
    PASSWORD_REPEATS = InvalidInput, "the password repeats too few characters"
    PASSWORD_HAS_USERNAME = InvalidInput, "the password contains the username"
    PASSWORD_IS_COMMON = (
        InvalidInput,
        "the password is on the list of commonly used and breached passwords",
    )

    # Training and limits
    TRAINEE_SEPARATED = Conflict, "this person has left the department: record no training"
    TRAINING_IN_FUTURE = InvalidInput, "training cannot be completed in the future"
    LIMIT_OF_INACTIVE_ACCOUNT = (
        Conflict,
        "this account is {status}; only the limit of an active account can be lifted",
    )

    # Purposes
    PURPOSE_PROHIBITED = (
        NotAuthorised,
        "{purpose} is a prohibited purpose ({citation}); the attempt is recorded",
    )
    PURPOSE_KIND_UNKNOWN = (
        InvalidInput,
        "is not a purpose of the policy; the purposes are: {allowed}",
    )
    OFFENCE_NOT_IN_WORDS = InvalidInput, "name the type of offence in words"
    OFFENCE_UNKNOWN = (
        InvalidInput,
        "offence_type must be one of {allowed}, by its code or its words",
    )
    CASE_NUMBER_MISSING = (
        InvalidInput,
        "a case number or a call-for-service number is required (policy 468.6(b))",
    )
    CASE_NUMBER_MALFORMED = (
        InvalidInput,
        "3 to 32 letters, digits and dashes, at least one of them a digit",
    )
    CASE_NUMBER_OF_NO_FORM = (
        InvalidInput,
        "write the number as {forms}, where # is a digit and @ a capital letter",
    )
    CASE_NUMBER_IS_PLACEHOLDER = (
        InvalidInput,
        "this number stands for no case: give the one of the case or call",
    )
    JUSTIFICATION_TOO_SHORT = (
        InvalidInput,
        "give a reason of {min_characters} characters or more",
    )
    JUSTIFICATION_TOO_VAGUE = (
        InvalidInput,
        "give at least two specific words that say why these data are needed",
    )
    PURPOSE_TOO_LONG = InvalidInput, "justification and scope together are too long"


@unique
class OwnAct(Worded):
    """The `doing` of `own_account`: what a person may not do to their own account."""

    LIFT_LIMIT = "lift_limit", "lift the limit of"
    RECORD_TRAINING = "record_training", "record training for"
    CHANGE = "change", "change"
    ASSIGN_ROLES = "assign_roles", "assign roles to"
    ENTITLE = "entitle", "entitle"
    LOCK = "lock", "lock"
    UNLOCK = "unlock", "unlock"
    REINSTATE = "reinstate", "reinstate"
    SEPARATE = "separate", "separate"
    INVITE = "invite", "invite"
    REVIEW = "review", "review"
    DELIVER_INVITATION = "deliver_invitation", "deliver the invitation to"
