"""What Schemathesis cannot read in the document: how to sign in, whom to leave alone, what nobody can make up."""

import os

import requests
import schemathesis

ORIGIN = os.environ["FUZZ_ORIGIN"]
USERNAME = os.environ.get("FUZZ_USERNAME")
PASSWORD = os.environ.get("FUZZ_PASSWORD")
NOBODY = "01890a5d-0000-7000-8000-000000000000"

own = {}


def sign_in():
    device = {"name": "Schemathesis", "kind": "other"}
    credentials = {"username": USERNAME, "password": PASSWORD, "device": device}
    answer = requests.post(f"{ORIGIN}/api/v1/auth/login", json=credentials, timeout=30)
    answer.raise_for_status()
    tokens = answer.json()
    own.update(token=tokens["accessToken"], user=tokens["user"]["id"])


def is_signed_in():
    if "token" not in own:
        return False
    headers = {"Authorization": f"Bearer {own['token']}"}
    return requests.get(f"{ORIGIN}/api/v1/auth/me", headers=headers, timeout=30).status_code == 200


if USERNAME is not None:

    @schemathesis.auth(refresh_interval=None)
    class Session:
        """A session of the user. Requests may end it (logout, ending sessions): after one that may he signs in again."""

        def get(self, case, context):
            if own.pop("is_doubtful", True) and not is_signed_in():
                sign_in()
            return own["token"]

        def set(self, case, data, context):
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    spare_oneself(case)
    if is_valid(case):
        leave_out_cursor(case)
        make_passwords_uncommon(case)


@schemathesis.hook
def after_call(context, case, response):
    own["is_doubtful"] = own.get("is_doubtful", False) or case.method != "GET" or response.status_code == 401


def spare_oneself(case):
    """Who deleted, demoted or locked out himself could go on with nothing: where his id stands, nobody's is put."""
    for name, value in (case.path_parameters or {}).items():
        if value == own.get("user"):
            case.path_parameters[name] = NOBODY


def is_valid(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def leave_out_cursor(case):
    """A cursor comes from the page before. A made-up one is refused, however well it is formed."""
    if case.query:
        case.query.pop("cursor", None)


def make_passwords_uncommon(case):
    """Common passwords are refused, and a schema cannot list them."""
    if isinstance(case.body, dict):
        for name in ("password", "newPassword"):
            if isinstance(case.body.get(name), str) and case.path != "/api/v1/auth/login":
                case.body[name] = f"{case.body[name][:200]} but not common"
