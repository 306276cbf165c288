"""Plaintext values: their rules, their preview, and the names that nobody may set (design §3, §6)."""

from __future__ import annotations

from typing import Final

from runtimeenv.errors import Invalid

VALUE_LIMIT: Final = 32 * 1024
"""The longest value, in bytes of UTF-8."""

MASK: Final = "********"
PREVIEW_MINIMUM: Final = 24

RESERVED: Final = (
    "is reserved, since programs run code from it: choose another name, or ask an administrator to allow it"
)

# Each gives code execution, or another identity, in somebody else's pod.
RESERVED_PREFIXES: Final = ("LD_", "DYLD_", "KUBERNETES_", "GIT_CONFIG_", "BASH_FUNC_", "NPM_CONFIG_", "PIP_", "UV_")
RESERVED_NAMES: Final = frozenset(
    {
        "PATH", "HOME", "IFS", "ENV", "BASH_ENV", "SHELL", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND",
        "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONINSPECT", "PYTHONBREAKPOINT",
        "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTIONS",
        "PERL5LIB", "PERL5OPT", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "PHPRC", "PHP_INI_SCAN_DIR",
        "GCONV_PATH", "GLIBC_TUNABLES", "MALLOC_CHECK_", "LOCPATH", "NLSPATH", "HOSTALIASES", "RESOLV_HOST_CONF",
        "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "GIT_SSH", "GIT_SSH_COMMAND",
        "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "PAGER", "EDITOR",
        "VISUAL", "BROWSER", "LESSOPEN", "LESSCLOSE", "MANPAGER", "SSH_ASKPASS", "SSH_AUTH_SOCK", "GIT_ASKPASS",
        "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "KUBECONFIG", "TMPDIR", "ZDOTDIR", "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS", "GIT_PROXY_COMMAND", "GIT_SEQUENCE_EDITOR", "RSYNC_RSH", "TAR_OPTIONS", "MAKEFLAGS",
        "GNUMAKEFLAGS", "GOFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "MAVEN_OPTS", "MAVEN_ARGS",
        "GRADLE_OPTS", "CLASSPATH", "BUNDLE_GEMFILE", "GEM_PATH", "GEM_HOME", "LUA_INIT", "ERL_FLAGS", "ERL_AFLAGS",
        "ERL_ZFLAGS", "R_PROFILE_USER", "R_ENVIRON_USER", "PYTHONWARNINGS",
        # They let others read what a program sends.
        "NODE_TLS_REJECT_UNAUTHORIZED", "GIT_SSL_NO_VERIFY", "SSLKEYLOGFILE",
    }
)  # fmt: skip


class Plaintext:
    """A value in clear. Its repr and str are the mask, so that no log, traceback or f-string shows it by mistake."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str, field: str = "spec.value") -> Plaintext:
        """Check a value: UTF-8 without NUL, at most 32 KiB; it may be empty. Raises Invalid, never echoing."""
        if "\0" in text:
            raise Invalid(field, "contains NUL, which no environment variable can hold")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise Invalid(field, "is not UTF-8 text: base64-encode binary values") from None
        if size > VALUE_LIMIT:
            raise Invalid(field, f"is over {VALUE_LIMIT} bytes: mount large values as a file instead")
        return cls(text)

    @classmethod
    def from_bytes(cls, raw: bytes, field: str) -> Plaintext:
        """Check a value that is still encoded; raises Invalid as `parse` does."""
        try:
            return cls.parse(raw.decode(), field)
        except UnicodeDecodeError:
            raise Invalid(field, "is not UTF-8 text: base64-encode binary values") from None

    def reveal(self) -> str:
        """The value itself; every call of this is a place to audit."""
        return self._text

    @property
    def preview(self) -> str:
        """First 6 and last 4 characters (``sk-ant...abcd``) of printable values of 24 or more; else a constant mask."""
        if len(self._text) < PREVIEW_MINIMUM or not self._text.isprintable():
            return MASK
        return f"{self._text[:6]}...{self._text[-4:]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plaintext) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Plaintext({MASK})"

    __str__ = __repr__


def check_reserved(field: str, name: str, allowed: frozenset[str] = frozenset()) -> None:
    """Refuse names that run code in others' pods; ``allowed`` are those that an administrator permits."""
    if name not in allowed and (name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES)):
        raise Invalid(field, RESERVED)
