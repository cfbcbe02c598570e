"""Which AWS a command talks to, and what its refusals mean in one sentence."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fanout.errors import Refused, WrongUse

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
ATTEMPTS_MAX: Final = 5
CONNECT_TIMEOUT_SECONDS: Final = 5
READ_TIMEOUT_SECONDS: Final = 60
"""Longer than what a command waits for: 20 seconds of long polling, 30 of a consumer's function."""


@dataclass(kw_only=True)
class AwsTarget:
    """A deployment: an account and region to talk to, and the prefix of its SSM parameters."""

    prefix: str = "fanout"
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def session(self) -> Any:
        """The boto3 session of the named profile and region.

        Raises: Refused: the profile does not exist.
        """
        import boto3
        from botocore.exceptions import ProfileNotFound

        try:
            # boto3 itself knows only AWS_DEFAULT_REGION; every other SDK and Lambda set AWS_REGION.
            region = self.region or os.environ.get("AWS_REGION")
            return boto3.Session(profile_name=self.profile, region_name=region)
        except ProfileNotFound as error:
            raise Refused(f"{error}; name one from `aws configure list-profiles`.") from None

    @property
    def state_folder(self) -> Path:
        """Where this person's state for the deployment lives, by the XDG base directories."""
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Path(base) / "fanout" / self.prefix

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once; thread-safe, as boto3 clients are.

        Raises: WrongUse: an endpoint or another AWS setting can't be read.
        """
        if service not in self._clients:
            from botocore import __version__
            from botocore.config import Config

            config = Config(
                user_agent=f"fanout botocore/{__version__}",  # else made anew for each call
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                max_pool_connections=32,
            )
            try:
                self._clients[service] = self.session.client(
                    service, endpoint_url=self.endpoint_url, config=config
                )
            except ValueError as error:
                raise WrongUse(
                    f"An AWS setting can't be used: {error}. Look at --endpoint-url and the AWS_* "
                    "variables; an endpoint is a URL such as http://127.0.0.1:4566."
                ) from None
        return self._clients[service]


def code_of(error: Exception) -> str:
    """AWS's code for what it refused; the error's own name where no answer came."""
    answer = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)


def sentence_for(error: Exception) -> str:
    """Say what AWS refused and what to do about it, without a traceback."""
    from botocore.exceptions import (
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
    )

    if isinstance(error, NoCredentialsError):
        return "No AWS credentials were found: set AWS_PROFILE or pass --profile."
    if isinstance(error, NoRegionError):
        return "No AWS region was given: set AWS_REGION or pass --region."
    if isinstance(error, EndpointConnectionError):
        return f"{error} Is the endpoint right, and is it up?"
    if isinstance(error, ClientError):
        if code_of(error) in _EXPIRED:
            return "The AWS credentials have expired: sign in again, then repeat the command."
        if code_of(error) in _DENIED:
            return f"{error} Give the role that permission, or use another profile."
    return str(error)
