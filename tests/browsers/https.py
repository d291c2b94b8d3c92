"""A page over HTTPS, and a way to a service that speaks HTTP: what a proxy with TLS is.

    https.py PORT POLICY PROXY_PORT SERVICE_PORT
"""

import http.server
import socket
import ssl
import sys
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Content-Security-Policy", sys.argv[2])
        super().end_headers()


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def carry(connection):
    try:
        encrypted = context.wrap_socket(connection, server_side=True)
        service = socket.create_connection(("127.0.0.1", int(sys.argv[4])))
    except OSError:
        return
    threading.Thread(target=copy, args=(encrypted, service), daemon=True).start()
    copy(service, encrypted)


def proxy():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[3])))
    while True:
        threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
threading.Thread(target=proxy, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
# The handshake belongs to the connection's own thread.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
