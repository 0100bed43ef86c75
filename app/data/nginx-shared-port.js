// SPDX-License-Identifier: LGPL-2.1-or-later
// For [nginx] shared-port, run by nginx's stream module for each connection: tells RTMP from HTTP by the first byte.
// An RTMP client's is its version, 3 (Adobe's specification, 5.2.2); an HTTP request begins with a letter. What is
// neither goes to HTTP, which refuses it. Each connection has variables of its own.
let protocol = '';

function preread(session) {
    session.on('upload', function (data) {
        if (data.length > 0) {
            protocol = data.charCodeAt(0) === 3 ? 'rtmp' : 'http';
            session.done();
        }
    });
}

function told(session) {
    return protocol;
}

export default { preread, told };
