"""All configuration, compiled and immutable: what a request keeps from its beginning to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bridge.config import schema
from bridge.config.checks import check_all
from bridge.config.diagnose import Diagnostic, summary
from bridge.config.document import display
from bridge.config.inputs import Inputs, digest
from bridge.config.load import Loaded, Overrides, load
from bridge.config.parsers import AvailableParser, ParserCache, load_parsers, parser_names, resolve_parsers
from bridge.config.units import Rate
from bridge.core import route as core
from bridge.core.anthropic.errors import DECLARABLE
from bridge.core.errorrules import ErrorRule, compile_wording
from bridge.core.parsing.spec import ParserSpec
from bridge.core.routing import Router
from bridge.core.signature import derived_key
from bridge.errors import ConfigError

SIGNATURE_KEY = "BRIDGE_SIGNATURE_KEY"
"""The variable whose value signs the reasoning of all upstreams, instead of the key of each."""


@dataclass(frozen=True, slots=True)
class Client:
    """Someone who may call. ``key_sha256`` is lower-case hexadecimal, "" when ``off`` says why there is none.

    ``requests`` and ``tokens`` are counts with their seconds; None is no limit.
    """

    name: str
    key_sha256: str = field(repr=False)
    models: tuple[str, ...] = ("*",)
    requests: Rate | None = None
    tokens: Rate | None = None
    concurrent: int | None = None
    off: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``key`` is never printed."""

    enabled: bool = True
    key: str = field(default="", repr=False)
    keep: int = 200


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One valid configuration. Nothing in it changes; a reload makes another.

    ``revision`` is the same wherever the same files and variables are loaded. With an
    empty ``clients`` there is no authentication; a client that is off stays in it.
    ``auto_parsers`` are the routes whose parsers were found by "auto"; ``inputs`` tells which files were read.
    """

    revision: str
    environment: str
    path: Path
    routes: Mapping[str, core.Route]
    router: Router
    upstreams: Mapping[str, core.UpstreamRef]
    clients: Mapping[str, Client]
    limits: schema.Limits
    server: schema.Server
    log: schema.Log
    dashboard: Dashboard
    parsers: Mapping[str, AvailableParser]
    warnings: tuple[Diagnostic, ...]
    auto_parsers: frozenset[str]
    loaded_at: float
    inputs: Inputs = field(repr=False, compare=False)


def build(
    path: Path,
    environment: str = "",
    environ: Mapping[str, str] | None = None,
    cache: ParserCache | None = None,
    *,
    overrides: Overrides | None = None,
    inputs: Inputs | None = None,
    loaded_at: float = 0.0,
) -> Snapshot:
    """The snapshot of ``path``; ConfigError with every diagnostic, warnings too, when it has an error.

    ``inputs`` is filled with what was read, whether or not it could be used.
    """
    inputs = Inputs() if inputs is None else inputs
    loaded = load(path, environment, environ or {}, inputs, overrides)
    parsers = check(loaded, ParserCache() if cache is None else cache)
    diagnostics = loaded.problems.ordered()
    if loaded.problems.failed or loaded.config is None:
        raise ConfigError(f"{display(loaded.path)}: {summary(diagnostics)}", diagnostics)
    return compiled(loaded, parsers, environment, loaded_at, (environ or {}).get(SIGNATURE_KEY, ""))


def check(loaded: Loaded, cache: ParserCache) -> dict[str, AvailableParser]:
    """Every check on what was loaded; problems are noted in it. Gives the parsers that can be used."""
    folders = []
    for folder, path in loaded.parser_dirs():
        folders.append(folder)
        if not folder.is_dir():
            origin = loaded.document.origin(path)
            message = f"there is no folder `{folder.name}` there"
            loaded.problems.add("no-folder", origin, path, message, severity="warning")
    if loaded.readable:
        names = parser_names(folders, loaded.inputs)
        check_all(loaded.document, loaded.off, loaded.disabled, names, loaded.problems)
    parsers = load_parsers(folders, loaded.inputs, loaded.problems, cache)
    if not loaded.problems.failed:
        _check_prompts(loaded, {name: parser.spec for name, parser in parsers.items()})
    return parsers


def _check_prompts(loaded: Loaded, parsers: Mapping[str, ParserSpec]) -> None:
    """A model whose tools go into the prompt needs a parser that writes it."""
    assert loaded.config is not None
    for key in loaded.config.models:
        values = loaded.model_values(key)
        if values.get("tools") != "prompt":
            continue
        model = schema.Model.model_validate(values)
        armed = resolve_parsers(model.parsers, model.model, parsers)
        if not any(parser.prompt for parser in armed):
            path = loaded.model_path(key, ("tools",)) or ("models", key)
            names = ", ".join(f"`{parser.name}`" for parser in armed)
            message = f"no parser of model `{key}` has a [prompt]" + (f": {names}" if names else "")
            hint = "name one in `parsers`"
            loaded.problems.add("no-prompt", loaded.document.origin(path), path, message, hint=hint)


def _armed(
    model: schema.Model, upstream: core.UpstreamRef, parsers: Mapping[str, ParserSpec]
) -> tuple[ParserSpec, ...]:
    if upstream.protocol == "demo" and model.parsers == "auto":
        # the demo upstream writes whichever format it is asked for, and its prose holds no markers
        written = (spec for spec in parsers.values() if spec.prompt)
        return tuple(sorted(written, key=lambda spec: (not spec.distinctive, spec.name)))
    return resolve_parsers(model.parsers, model.model, parsers)


def _output_limit(loaded: Loaded, key: str, model: schema.Model, upstream: core.UpstreamRef) -> int | None:
    """What is passed through byte by byte is only limited where the model or its upstream says so itself."""
    if upstream.protocol == "anthropic":
        path = loaded.model_path(key, ("max_output_tokens",))
        if path is None or path[0] == "defaults":
            return None
    return model.max_output_tokens or None


def compiled(
    loaded: Loaded,
    parsers: Mapping[str, AvailableParser],
    environment: str = "",
    loaded_at: float = 0.0,
    signature_key: str = "",
) -> Snapshot:
    """The snapshot of what was loaded and checked without an error."""
    config = loaded.config
    assert config is not None
    secrets = {signature_key or str(entry.api_key) for entry in config.upstreams.values()}
    signing_keys = {secret: derived_key(secret) for secret in secrets}
    upstreams = {
        name: _upstream(
            name,
            entry,
            loaded.off.get(("upstreams", name), ""),
            signing_keys[signature_key or str(entry.api_key)],
        )
        for name, entry in config.upstreams.items()
    }
    specs = {name: parser.spec for name, parser in parsers.items()}
    routes, auto = {}, set()
    for key in config.models:
        model = schema.Model.model_validate(loaded.model_values(key))
        if model.parsers == "auto":
            auto.add(key)
        upstream = upstreams[model.upstream]
        limit = _output_limit(loaded, key, model, upstream)
        routes[key] = replace(_route(key, model, upstream, specs), max_output_tokens=limit)
    return Snapshot(
        revision=_revision(loaded),
        environment=environment,
        path=loaded.path,
        routes=routes,
        router=Router(routes.values()),
        upstreams=upstreams,
        clients={
            name: _client(name, entry, loaded.off.get(("clients", name), "")) for name, entry in config.clients.items()
        },
        limits=config.limits,
        server=config.server,
        log=config.log,
        dashboard=Dashboard(config.dashboard.enabled, str(config.dashboard.key), config.dashboard.keep),
        parsers=parsers,
        warnings=loaded.problems.ordered(),
        auto_parsers=frozenset(auto),
        loaded_at=loaded_at,
        inputs=loaded.inputs,
    )


def _revision(loaded: Loaded) -> str:
    """Over all inputs, and over what flags and variables of the process changed."""
    given = "".join(f"\n{'.'.join(map(str, path))}={value}" for path, (value, _) in loaded.overrides.items())
    return digest(f"{loaded.inputs.revision()}{given}".encode())[:12]


def _upstream(name: str, entry: schema.Upstream, off: str, signing_key: bytes) -> core.UpstreamRef:
    urls = (entry.base_url,) if isinstance(entry.base_url, str) else entry.base_url
    # Who allows more requests at once than there are connections by default wants as many connections.
    own = "max_connections" in entry.model_fields_set
    connections = entry.max_connections if own else max(entry.max_connections, entry.max_in_flight)
    return core.UpstreamRef(
        name=name,
        base_urls=urls,
        protocol=entry.protocol,
        api_key=str(entry.api_key),
        headers=entry.headers,
        max_connections=connections,
        max_in_flight=entry.max_in_flight,
        retry_budget=core.RetryBudget(**dict(entry.retry_budget)),
        breaker=core.Breaker(**dict(entry.breaker)),
        balance=entry.balance,
        off=off,
        signing_key=signing_key,
    )


def _route(key: str, model: schema.Model, upstream: core.UpstreamRef, parsers: Mapping[str, ParserSpec]) -> core.Route:
    starts_open = model.reasoning.starts_open
    return core.Route(
        key=key,
        upstream=upstream,
        model=model.model,
        display_name=model.display_name,
        match=model.match,
        parsers=_armed(model, upstream, parsers),
        tools=model.tools,
        tool_streaming=model.tool_streaming,
        reasoning=core.Reasoning(
            source=model.reasoning.source,
            emit=model.reasoning.emit,
            starts_open=None if starts_open == "auto" else bool(starts_open),
            replay=model.reasoning.replay,
            effort=_path(model.reasoning.effort),
            efforts=model.reasoning.efforts,
            budget=_path(model.reasoning.budget),
            switch=_path(model.reasoning.switch),
            on=model.reasoning.on,
            off=model.reasoning.off,
        ),
        unsupported=model.unsupported,
        server_tools=model.server_tools,
        context_window=model.context_window,
        max_tokens_field=model.max_tokens_field,
        max_stop_sequences=model.max_stop_sequences,
        tool_schema=core.ToolSchema(frozenset(model.tool_schema.drop), model.tool_schema.inline),
        structured_output=model.structured_output,
        user_field=_path(model.user_field),
        count_tokens=model.count_tokens,
        timeouts=core.Timeouts(**dict(model.timeouts)),
        retry=core.RetryPolicy(**(dict(model.retry) | {"on": frozenset(model.retry.on)})),
        request=core.BodyPatch(**dict(model.request)),
        fallbacks=tuple(name for name in model.fallbacks if name != key),
        errors=tuple(map(_error_rule, model.errors)),
    )


def _error_rule(rule: schema.ErrorRule) -> ErrorRule:
    return ErrorRule(
        wording=compile_wording(rule.text) if rule.text else None,
        status=frozenset(rule.status),
        kind=DECLARABLE.get(rule.type),
        messages=(rule.message,) if rule.message else (),
        retry=rule.retry,
    )


def _path(dotted: str) -> core.Path:
    return tuple(dotted.split(".")) if dotted else ()


def _client(name: str, entry: schema.Client, off: str) -> Client:
    match entry.key:
        case str() as key:
            sha256 = digest(key.encode())
        case schema.SecretHash():
            sha256 = entry.key.sha256.lower()
        case _:
            sha256 = ""
    limits = entry.limits
    return Client(name, sha256, entry.models, limits.requests, limits.tokens, limits.concurrent, off)
