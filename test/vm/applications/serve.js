// SPDX-License-Identifier: Apache-2.0
// As exchange.py's accept, by Node.js: HOST PORT PEM IN OUT COUNT
const fs = require('fs');
const tls = require('tls');

const [host, port, pem, source, sink, count] = process.argv.slice(2);
const options = { cert: fs.readFileSync(pem), key: fs.readFileSync(pem) };

const server = tls.createServer(options, (socket) => {
    const parts = [];
    let length = 0;
    socket.on('data', (part) => {
        parts.push(part);
        length += part.length;
        if (length < Number(count))
            return;
        fs.writeFileSync(sink, Buffer.concat(parts));
        socket.end(fs.readFileSync(source));
        server.close();
    });
});
server.listen(Number(port), host, () => console.log('listening'));
