"""A service that says who may do what, over TLS: arguments are certificate, key, a file of JSON questions that are
allowed (one a line, keys sorted), and the file that it writes its port into. It ends with its standard input."""
import http.server
import json
import os
import ssl
import sys
import threading

cert, key, allowed, port_file = sys.argv[1:]


class Judge(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(allowed) as lines:
            answer = json.dumps(question, sort_keys=True) in lines.read().splitlines()
        body = json.dumps({"allowed": answer}).encode()
        self.send_response(200 if self.path == "/may" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as out:
    out.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
sys.stdin.read()
