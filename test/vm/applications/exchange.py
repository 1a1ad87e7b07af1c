#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A TLS client or server that sends a file and keeps what it gets.

  exchange.py connect|accept|asyncio HOST PORT VERSION PEM IN OUT [COUNT]

PEM is the peer's certificate (connect), or one's own with its key. connect
sends IN and reads until the peer closes; the other two serve one connection:
they read COUNT bytes, send IN and close. VERSION is the only one, or "any".
What is printed is all that an application can see, and the same each time.
"""
import asyncio
import hashlib
import socket
import ssl
import sys

role, host, port, version, pem, source, sink = sys.argv[1:8]
count = int(sys.argv[8]) if len(sys.argv) > 8 else None

side = ssl.PROTOCOL_TLS_CLIENT if role == "connect" else ssl.PROTOCOL_TLS_SERVER
context = ssl.SSLContext(side)
if version != "any":
    only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = context.maximum_version = only[version]
if role == "connect":
    context.load_verify_locations(pem)
else:
    context.load_cert_chain(pem)
with open(source, "rb") as file:
    data = file.read()


def keep(got, how, tls):
    with open(sink, "wb") as file:
        file.write(got)
    print(tls.version(), tls.cipher()[0], "received", len(got),
          hashlib.sha256(got).hexdigest(), how)


def receive(tls, limit):
    got = bytearray()
    while limit is None or len(got) < limit:
        try:
            part = tls.recv(65536)
        except ssl.SSLEOFError:
            return got, "end without close_notify"
        except (ssl.SSLError, OSError) as error:
            return got, "error %s" % error
        if not part:
            return got, "close_notify"
        got += part
    return got, "complete"


def connect():
    sock = socket.create_connection((host, int(port)), timeout=120)
    tls = context.wrap_socket(sock, server_hostname=host,
                              suppress_ragged_eofs=False)
    tls.sendall(data)
    got, how = receive(tls, count)
    keep(got, how, tls)
    if how == "close_notify":
        tls.unwrap()
    tls.close()


def listen():
    listener = socket.create_server((host, int(port)))
    print("listening", flush=True)
    return listener


def accept():
    tls = context.wrap_socket(listen().accept()[0], server_side=True)
    got, how = receive(tls, count)
    tls.sendall(data)
    keep(got, how, tls)
    tls.unwrap()
    tls.close()


async def accept_async():
    done = asyncio.Event()

    async def serve(reader, writer):
        got = await reader.readexactly(count)
        writer.write(data)
        await writer.drain()
        keep(got, "complete", writer.get_extra_info("ssl_object"))
        writer.close()
        await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(serve, sock=listen(), ssl=context)
    async with server:
        await done.wait()


if role == "asyncio":
    asyncio.run(accept_async())
else:
    {"connect": connect, "accept": accept}[role]()
