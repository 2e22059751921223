"""The traces a company's agent writes: OTLP/JSON, one ExportTraceServiceRequest a line."""

from __future__ import annotations

import random
from json.encoder import encode_basestring as quoted
from pathlib import Path

from everyturn.demo.files import SYSTEM, opened
from everyturn.demo.talk import Exchange, Talk, Thumb

_AGENT = "tidewater-assistant"
_SERVICE = "tidewater-support"
_MODEL = "gpt-4.1-mini"
_UNNAMED = ',"name":null}'
_OK = "{}"


def _text(key: str, value: str) -> str:
    return f'{{"key":"{key}","value":{{"stringValue":{quoted(value)}}}}}'


def _whole(key: str, value: int) -> str:
    return f'{{"key":"{key}","value":{{"intValue":"{value}"}}}}'


def _real(key: str, value: float) -> str:
    return f'{{"key":"{key}","value":{{"doubleValue":{value}}}}}'


def _list(key: str, *values: str) -> str:
    inner = ",".join(f'{{"stringValue":{quoted(value)}}}' for value in values)
    return f'{{"key":"{key}","value":{{"arrayValue":{{"values":[{inner}]}}}}}}'


def _part(role: str, text: str) -> str:
    return f'{{"role":"{role}","parts":[{{"content":{quoted(text)},"type":"text"}}],"name":null}}'


def _finished(message: str, reason: str) -> str:
    return f'[{message[: -len(_UNNAMED)]},"finish_reason":"{reason}","name":null}}]'


_SYSTEM_PART = _part("system", SYSTEM)


class TraceFile:
    """OpenTelemetry GenAI traces: one trace a turn, every model call carrying the whole history, ratings as log records."""

    def __init__(self, path: Path, *, rng: random.Random, version: str) -> None:
        self._file = opened(path)
        self._bits = rng.getrandbits
        resource = ",".join(
            (
                _text("telemetry.sdk.language", "python"),
                _text("telemetry.sdk.name", "opentelemetry"),
                _text("telemetry.sdk.version", "1.45.2"),
                _text("service.name", _SERVICE),
                _text("service.version", version),
                _text("deployment.environment.name", "production"),
            )
        )
        self._version = version
        self._head = f'{{"resource":{{"attributes":[{resource}]}},'

    def write(self, talk: Talk) -> None:
        """One request for each turn, and one for each rating."""
        history = [_SYSTEM_PART]
        person = talk.person
        session = (
            _text("session.id", talk.conversation_id),
            _text("user.id", person.user_id),
            _text("app.cohort", person.cohort),
            _text("app.plan", person.plan),
            _text("app.channel", "web"),
            _text("app.agent_version", self._version),
            _text("app.locale", person.locale),
        )
        roots = []
        lines = []
        for index, exchange in enumerate(talk.exchanges):
            trace, root = f"{self._bits(128):032x}", f"{self._bits(64):016x}"
            roots.append((trace, root))
            calls, steps = self._steps(talk, exchange, history, (trace, root))
            agent = self._agent_span(talk, index, (trace, root), session)
            lines.append(
                f'{{"resourceSpans":[{self._head}"scopeSpans":['
                f'{{"scope":{{"name":"opentelemetry.instrumentation.genai.openai","version":"1.3b0"}},"spans":[{calls}],'
                f'"schemaUrl":"https://opentelemetry.io/schemas/1.37.0"}},'
                f'{{"scope":{{"name":"app.agent","version":"{self._version}"}},"spans":[{steps}{agent}],'
                f'"schemaUrl":"https://opentelemetry.io/schemas/1.37.0"}}]}}]}}\n'
            )
        lines.extend(self._rating(talk, thumb, roots[thumb.turn]) for thumb in talk.thumbs)
        self._file.write("".join(lines).encode())

    def close(self) -> None:
        """Writes what is left."""
        self._file.close()

    def _steps(self, talk: Talk, exchange: Exchange, history: list[str], parent: tuple[str, str]) -> tuple[str, str]:
        """The model calls and the tool calls of one turn, as JSON spans; adds the turn to the history."""
        history.append(_part("user", exchange.user))
        at, left = exchange.at + 0.002, exchange.seconds - 0.004
        calls: list[str] = []
        steps = ""
        if exchange.error:
            calls.append(self._call(talk, history, parent, (at, left * 0.15), error=exchange.error))
            at, left = at + left * 0.16, left * 0.84
        if exchange.tools:
            asked = ",".join(
                f'{{"arguments":{tool.arguments},"name":"{tool.name}","id":"{tool.call_id}","type":"tool_call"}}'
                for tool in exchange.tools
            )
            message = f'{{"role":"assistant","parts":[{asked}],"name":null}}'
            output = _finished(message, "tool_call")
            calls.append(self._call(talk, history, parent, (at, left * 0.35), output=output))
            history.append(message)
            at, left = at + left * 0.36, left * 0.64
            each = left * 0.25 / len(exchange.tools)
            for tool in exchange.tools:
                attributes = ",".join(
                    (
                        _text("gen_ai.operation.name", "execute_tool"),
                        _text("gen_ai.tool.name", tool.name),
                        _text("gen_ai.tool.type", "function"),
                        _text("gen_ai.tool.call.id", tool.call_id),
                        _text("gen_ai.tool.call.arguments", tool.arguments),
                        _text("gen_ai.tool.call.result", tool.result),
                    )
                )
                steps += self._span(parent, f"execute_tool {tool.name}", (at, each), attributes) + ","
                history.append(
                    f'{{"role":"tool","parts":[{{"response":{quoted(tool.result)},"id":"{tool.call_id}",'
                    f'"type":"tool_call_response"}}],"name":null}}'
                )
                at += each
            left *= 0.74
        answer = _part("assistant", exchange.agent)
        calls.append(self._call(talk, history, parent, (at, left), output=_finished(answer, "stop")))
        history.append(answer)
        return ",".join(calls), steps

    def _call(
        self,
        talk: Talk,
        history: list[str],
        parent: tuple[str, str],
        when: tuple[float, float],
        *,
        output: str = "",
        error: str | None = None,
    ) -> str:
        given = "[" + ",".join(history) + "]"
        attributes = [
            _text("gen_ai.operation.name", "chat"),
            _text("gen_ai.provider.name", "openai"),
            _text("gen_ai.request.model", _MODEL),
            _text("server.address", "api.openai.com"),
            _whole("server.port", 443),
            _text("gen_ai.conversation.id", talk.conversation_id),
            _real("gen_ai.request.temperature", 0.2),
        ]
        if error is None:
            reason = "tool_calls" if '"finish_reason":"tool_call"' in output[-60:] else "stop"
            attributes += (
                _list("gen_ai.response.finish_reasons", reason),
                _text("gen_ai.response.model", f"{_MODEL}-2025-04-14"),
                _text("gen_ai.response.id", f"chatcmpl-{self._bits(112):028x}"),
                _whole("gen_ai.usage.input_tokens", len(given) // 4),
                _whole("gen_ai.usage.output_tokens", len(output) // 4),
            )
        attributes.append(_text("gen_ai.input.messages", given))
        status = _OK
        if error is None:
            attributes.append(_text("gen_ai.output.messages", output))
        else:
            attributes.append(_text("error.type", f"openai.{error}"))
            status = '{"message":"The request could not be completed.","code":2}'
        return self._span(parent, f"chat {_MODEL}", when, ",".join(attributes), kind=3, status=status)

    def _agent_span(self, talk: Talk, index: int, ids: tuple[str, str], session: tuple[str, ...]) -> str:
        exchange = talk.exchanges[index]
        attributes = ",".join(
            (
                _text("gen_ai.operation.name", "invoke_agent"),
                _text("gen_ai.request.model", _MODEL),
                _text("gen_ai.agent.name", _AGENT),
                _text("gen_ai.conversation.id", talk.conversation_id),
                _text("gen_ai.input.messages", f"[{_part('user', exchange.user)}]"),
                _text("gen_ai.output.messages", _finished(_part("assistant", exchange.agent), "stop")),
                *session,
                _whole("app.turn_index", index),
            )
        )
        when = (exchange.at, exchange.seconds)
        return self._span((ids[0], ""), f"invoke_agent {_AGENT}", when, attributes, own=ids[1])

    def _span(
        self,
        parent: tuple[str, str],
        name: str,
        when: tuple[float, float],
        attributes: str,
        *,
        kind: int = 1,
        status: str = _OK,
        own: str = "",
    ) -> str:
        """One span under `parent` (its trace and its id); `kind` is OTLP's, 1 internal and 3 client."""
        trace, above = parent
        under = f'"parentSpanId":"{above}",' if above else ""
        start = int(when[0] * 1_000_000) * 1000
        return (
            f'{{"traceId":"{trace}","spanId":"{own or format(self._bits(64), "016x")}",{under}"name":"{name}","kind":{kind},'
            f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{start + int(when[1] * 1_000_000) * 1000}",'
            f'"attributes":[{attributes}],"status":{status},"flags":256}}'
        )

    def _rating(self, talk: Talk, thumb: Thumb, ids: tuple[str, str]) -> str:
        attributes = [
            _text("gen_ai.evaluation.name", "user_feedback"),
            _text("gen_ai.conversation.id", talk.conversation_id),
            _text("user.id", talk.person.user_id),
            _real("gen_ai.evaluation.score.value", 1.0 if thumb.up else 0.0),
            _text("gen_ai.evaluation.score.label", "thumbs_up" if thumb.up else "thumbs_down"),
        ]
        if thumb.comment:
            attributes.append(_text("gen_ai.evaluation.explanation", thumb.comment))
        nano = int(thumb.at * 1_000_000) * 1000
        return (
            f'{{"resourceLogs":[{self._head}"scopeLogs":[{{"scope":{{"name":"app"}},"logRecords":['
            f'{{"timeUnixNano":"{nano}","severityNumber":9,"body":{{}},"attributes":[{",".join(attributes)}],"flags":3,'
            f'"traceId":"{ids[0]}","spanId":"{ids[1]}","observedTimeUnixNano":"{nano}",'
            f'"eventName":"gen_ai.evaluation.result"}}]}}]}}]}}\n'
        )
