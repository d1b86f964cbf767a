"""Fakesnow's server with what it lacks of Snowflake; it runs in fakesnow's own environment.

Neither dlt nor Snowflake's connector is changed. Each shim adapts a request to what fakesnow reads,
or a response to what Snowflake answers. All other requests reach fakesnow as they were sent.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import fakesnow.arrow
import fakesnow.server
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq
import uvicorn
from sqlglot import Dialect, parse_one
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

QUERIES: Final = "/queries/v1/query-request"
UPLOADS: Final = "/fs_bucket/{path:path}"

_QUOTED_STAGE: Final = re.compile(r"'(@[^']+)'")
_MATCHING: Final = re.compile(r"MATCH_BY_COLUMN_NAME='(\w+)'")
_FILE_FORMAT: Final = re.compile(r"FILE_FORMAT = \(TYPE = '(PARQUET|JSON)', [^)]*\)")
_OF_SCRIPTS: Final = {"errorCode": "100132", "sqlState": "P0000"}


def statements_of(script: str) -> list[str]:
    """The statements of a request, as they are written, in their order.

    Fakesnow takes one statement per request; dlt sends several, and Snowflake runs them until one
    fails. It hides no fault: each statement is run as it is, and a failed one ends the request.
    """
    return [each for each in _between_semicolons(script) if each.strip()]


def _between_semicolons(script: str) -> Iterator[str]:
    start = 0
    for token in Dialect.get_or_raise("snowflake").tokenize(script):
        if token.token_type.name == "SEMICOLON":
            yield script[start : token.start]
            start = token.end + 1
    yield script[start:]


def failed_script(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request of several statements one of which failed.

    Fakesnow gives the codes of the statement. Snowflake gives codes of its own, and the statement's
    message, which dlt reads. It hides no fault: the message is the same, and says less to dlt.
    """
    data = {**(answer["data"] or {}), **_OF_SCRIPTS}
    return {**answer, "data": data, "code": _OF_SCRIPTS["errorCode"]}


def with_bare_stage(statement: str) -> str:
    """PUT or COPY with its stage as fakesnow reads it.

    Snowflake takes a stage as a text, '@"COMMS"."%RUNS"/1', or without the quotes; fakesnow only
    the latter. It hides no fault: the name is the same, and a wrong one fails.
    """
    return _QUOTED_STAGE.sub(r"\1", statement)


def with_known_options(statement: str) -> str:
    """COPY with its options as fakesnow reads them.

    Fakesnow reads no quoted value of MATCH_BY_COLUMN_NAME and no comma between the options of a
    format. Nor does it know BINARY_AS_TEXT, BINARY_FORMAT and USE_LOGICAL_TYPE, which say that
    binary values stay binary and that a Parquet file's times are times; DuckDB reads them so.
    They are dlt's own, and no table of the project has binary values.
    """
    matched = _MATCHING.sub(r"MATCH_BY_COLUMN_NAME=\1", statement)
    return _FILE_FORMAT.sub("FILE_FORMAT = (TYPE = 'PARQUET')", matched)


def as_parquet(body: bytes) -> bytes:
    """A file of JSON rows, as Parquet.

    Fakesnow cannot load the keys of JSON rows into columns, as Snowflake does. dlt sends such a
    file for one table only, its own `_dlt_pipeline_state`; the project's tables come as Parquet. So
    it can hide no fault of the project's.
    """
    file = io.BytesIO()
    pq.write_table(pj.read_json(io.BytesIO(gzip.decompress(body))), file)
    return file.getvalue()


def with_nulls(times: Any) -> Any:
    """Times in the form of Snowflake's answers, with NULL where there is none.

    Fakesnow answers 1970-01-01 for each time that is NULL. It hides no fault: in its database the
    time is NULL, the views read it there, and all other times are answered as they were.
    """
    missing: Any = pc.is_null(times)
    structs = _TIMES(pc.fill_null(times, pa.scalar(0, pa.int64()).cast(times.type)))
    mask = missing.combine_chunks()
    return pa.StructArray.from_arrays(structs.flatten(), fields=list(structs.type), mask=mask)


_TIMES: Final = fakesnow.arrow.timestamp_to_sf_struct


def forget_loads(connection: Any, statement: str) -> None:
    """Forget which files a truncated table was loaded from.

    COPY skips a file that was loaded before. Snowflake forgets a table's files with its rows, and
    fakesnow does not: it would skip a file that is loaded again after a kill. It hides no fault: a
    file that is loaded twice without TRUNCATE between is still skipped.
    """
    (table,) = parse_one(statement, read="snowflake").expressions
    history = f"{connection.database}._fs_information_schema._fs_load_history"
    where = "where schema_name = ? and table_name = ?"
    connection._duck_conn.execute(f"delete from {history} {where}", [table.db, table.name])


def adapted(statement: str) -> str:
    """A statement as fakesnow reads it."""
    if statement.lstrip().startswith("PUT "):
        return with_bare_stage(statement)
    if statement.lstrip().startswith("COPY INTO "):
        return with_known_options(with_bare_stage(statement))
    return statement


async def query(request: Request) -> Response:
    """Run the statements of a request; the answer is the last one's, or that of the failed one.

    Where fakesnow has a fault or lacks something, it answers with status 500, which the connector
    tries again for minutes. Here it is a failure of the statement.
    """
    asked = json.loads(_unzipped(request, await request.body()))
    statements = statements_of(asked["sqlText"])
    for statement in statements:
        body = json.dumps({**asked, "sqlText": adapted(statement)}).encode()
        response: Response = await fakesnow.server.query_request(_with_body(request, body))
        answer = json.loads(bytes(response.body))
        if not answer["success"]:
            return JSONResponse(failed_script(answer) if len(statements) > 1 else answer)
        if statement.lstrip().startswith("TRUNCATE "):
            session = fakesnow.server.to_conn(fakesnow.server.to_token(request))
            forget_loads(session, statement)
    return response


async def upload(request: Request) -> Response:
    """Keep an uploaded file."""
    if request.path_params["path"].endswith(".jsonl.gz"):
        request = _with_body(request, as_parquet(await request.body()), zipped=False)
    response: Response = await fakesnow.server.bucket_upload(request)
    return response


def _unzipped(request: Request, body: bytes) -> bytes:
    return gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body


def _with_body(request: Request, body: bytes, *, zipped: bool | None = None) -> Request:
    """The same request with another body, zipped as its headers say."""
    if zipped is None and request.headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(body)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def app() -> Starlette:
    """Fakesnow's server with the shims."""
    fakesnow.arrow.timestamp_to_sf_struct = with_nulls
    adapted_routes = [
        Route(QUERIES, query, methods=["POST"]),
        Route(UPLOADS, upload, methods=["PUT"]),
    ]
    paths = {route.path for route in adapted_routes}
    others = [route for route in fakesnow.server.routes if route.path not in paths]
    return Starlette(routes=[*adapted_routes, *others])


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
