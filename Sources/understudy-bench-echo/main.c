// The baseline of `understudy bench`: what libuv alone takes for a round trip of the same sizes.
//
// understudy-bench-echo PATH REQUEST-BYTES REPLY-BYTES
//
// Listens on a unix socket and answers every REQUEST-BYTES that arrive on a connection with REPLY-BYTES. Writes a line
// to its standard output when it accepts. Ends with its standard input.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static size_t request_bytes, reply_bytes;
static char receive_buffer[65536];
static char reply[65536];

struct connection {
    uv_pipe_t pipe;
    size_t pending;
};

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(receive_buffer, sizeof receive_buffer);
}

static void on_closed(uv_handle_t *handle) { free(handle); }

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    (void)buffer;
    struct connection *connection = (struct connection *)stream;
    if (count < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    connection->pending += (size_t)count;
    while (connection->pending >= request_bytes) {
        connection->pending -= request_bytes;
        uv_buf_t answer = uv_buf_init(reply, (unsigned)reply_bytes);
        if (uv_try_write(stream, &answer, 1) != (int)reply_bytes) {
            uv_close((uv_handle_t *)stream, on_closed);
            return;
        }
    }
}

static void on_connection(uv_stream_t *server, int status) {
    if (status < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) abort();
    uv_pipe_init(server->loop, &connection->pipe, 0);
    if (uv_accept(server, (uv_stream_t *)&connection->pipe) != 0) {
        uv_close((uv_handle_t *)&connection->pipe, on_closed);
        return;
    }
    uv_read_start((uv_stream_t *)&connection->pipe, give_buffer, on_read);
}

static void on_input(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    char byte;
    if (read(STDIN_FILENO, &byte, 1) <= 0) uv_stop(poll->loop);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: %s PATH REQUEST-BYTES REPLY-BYTES\n", arguments[0]);
        return 64;
    }
    request_bytes = strtoul(arguments[2], NULL, 10);
    reply_bytes = strtoul(arguments[3], NULL, 10);
    if (request_bytes == 0 || reply_bytes == 0 || reply_bytes > sizeof reply) return 64;
    uv_loop_t *loop = uv_default_loop();
    uv_pipe_t server;
    uv_poll_t input;
    uv_pipe_init(loop, &server, 0);
    if (uv_pipe_bind(&server, arguments[1]) != 0) return 71;
    if (uv_listen((uv_stream_t *)&server, 16, on_connection) != 0) return 71;
    if (uv_poll_init(loop, &input, STDIN_FILENO) != 0) return 71;
    uv_poll_start(&input, UV_READABLE | UV_DISCONNECT, on_input);
    if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 71;
    uv_run(loop, UV_RUN_DEFAULT);
    unlink(arguments[1]);
    return 0;
}
