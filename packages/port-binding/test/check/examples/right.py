import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Hello, World!\n")

    do_HEAD = do_GET


ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", 8765))), Hello).serve_forever()
