"""A stateful stand-in for the Communications API on this machine.

    from comms_source.sandbox import Sandbox

    with Sandbox() as sandbox:
        ...  # sandbox.url is the base_url; sandbox.clock, .faults, .requests, .truth("emails")
        ...  # sandbox.token_url issues access tokens, sandbox.revoke_tokens() ends them

It implements what the API documents, and has settings for what the API does not document. It is not
a copy of the API: docs/sandbox.md lists its limits.
"""

from __future__ import annotations

try:
    from comms_source.sandbox.server import Sandbox, serve
except ModuleNotFoundError as missing:
    if missing.name not in {"starlette", "uvicorn"}:
        raise
    raise ModuleNotFoundError(
        "the sandbox needs two more packages; install comms-source[sandbox]", name=missing.name
    ) from None

from comms_source.sandbox.answers import Request, Response
from comms_source.sandbox.clock import Clock
from comms_source.sandbox.faults import Fault, faults_from
from comms_source.sandbox.model import SandboxModel
from comms_source.sandbox.people import PRIVATE_DATA
from comms_source.sandbox.samples import documented_payloads, sample_names
from comms_source.sandbox.settings import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    SandboxSettings,
)
from comms_source.sandbox.story import Story, StoryLoad, story
from comms_source.sandbox.troubles import Trouble, troubles_from

__all__ = [
    "ACCOUNT_ID",
    "AUTH_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "PRIVATE_DATA",
    "Clock",
    "Fault",
    "Request",
    "Response",
    "Sandbox",
    "SandboxModel",
    "SandboxSettings",
    "Story",
    "StoryLoad",
    "Trouble",
    "documented_payloads",
    "faults_from",
    "sample_names",
    "serve",
    "story",
    "troubles_from",
]
