/* http_server.h: an HTTP server on loopback for tests: a child process that serves pages from memory, and misbehaves as it is told. */
#ifndef RP_TESTS_HTTP_SERVER_H
#define RP_TESTS_HTTP_SERVER_H

#include "tests/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  const char *path; /* "/set.tar.gz" */
  int status;       /* 0 = 200, or 206 where a range is asked for */
  const uint8_t *bytes;
  size_t size;
  size_t cut_after;     /* nonzero: the first answer ends after so many bytes, though it said that more would come */
  int ignores_ranges;   /* sends all of it, whatever is asked for */
  int hides_size;       /* no Content-Length: the end of the connection is the end of the file */
  const char *location; /* of a redirect */
} http_page;

typedef struct {
  pid_t pid;
  int port;
  int requests; /* what was asked for, as text, can be read here */
  char url[64]; /* "http://127.0.0.1:PORT" */
} http_server;

static inline void http_send(int client, const void *bytes, size_t n) {
  for (const char *at = bytes; n > 0;) {
    ssize_t sent = send(client, at, n, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += sent, n -= (size_t)sent;
  }
}

/* Reads up to the empty line behind the header. */
static inline void http_receive(int client, char *request, size_t size) {
  size_t n = 0;
  request[0] = '\0';
  while (n + 1 < size && !strstr(request, "\r\n\r\n")) {
    ssize_t got = recv(client, request + n, size - 1 - n, 0);
    if (got <= 0) return;
    n += (size_t)got;
    request[n] = '\0';
  }
}

static inline void http_answer(int client, const http_page *page, int is_first, size_t from) {
  char header[512];
  int has_range = from > 0 && from < page->size && !page->ignores_ranges;
  if (!has_range) from = 0;
  int status = page->status ? page->status : has_range ? 206 : 200;
  int n = snprintf(header, sizeof header, "HTTP/1.1 %d Test\r\nConnection: close\r\n", status);
  if (page->location) n += snprintf(header + n, sizeof header - (size_t)n, "Location: %s\r\n", page->location);
  if (status == 206)
    n += snprintf(header + n, sizeof header - (size_t)n, "Content-Range: bytes %zu-%zu/%zu\r\n", from, page->size - 1, page->size);
  if (!page->hides_size) n += snprintf(header + n, sizeof header - (size_t)n, "Content-Length: %zu\r\n", page->size - from);
  n += snprintf(header + n, sizeof header - (size_t)n, "\r\n");
  http_send(client, header, (size_t)n);
  size_t to_send = page->size - from;
  if (is_first && page->cut_after && page->cut_after < to_send) to_send = page->cut_after;
  if (page->bytes) http_send(client, page->bytes + from, to_send);
}

static inline void http_serve(int listener, int log, const http_page *pages, int n) {
  static const http_page missing = {.status = 404, .bytes = (const uint8_t *)"not here", .size = 8};
  int n_requests[16] = {0};
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    char request[4096], path[512] = "";
    http_receive(client, request, sizeof request);
    if (sscanf(request, "GET %511s", path) == 1) {
      const char *range = strstr(request, "Range: bytes=");
      size_t from = range ? strtoul(range + strlen("Range: bytes="), NULL, 10) : 0;
      dprintf(log, "%s from %zu\n", path, from);
      int i = 0;
      while (i < n && strcmp(pages[i].path, path) != 0) i++;
      http_answer(client, i < n ? &pages[i] : &missing, i < n && n_requests[i]++ == 0, from);
    }
    shutdown(client, SHUT_RDWR);
    close(client);
  }
}

/* Starts a server; it ends with the test at the latest. `pages` must stay as they are until it has stopped. */
static inline http_server start_http_server(const http_page *pages, int n) {
  http_server server;
  int listener = socket(AF_INET, SOCK_STREAM, 0), ends[2];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  assert_true(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 16) == 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  assert_int_equal(pipe(ends), 0);
  server.port = ntohs(address.sin_port);
  snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", server.port);
  server.pid = fork();
  assert_true(server.pid >= 0);
  if (server.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    http_serve(listener, ends[1], pages, n);
  }
  close(listener);
  close(ends[1]);
  server.requests = ends[0];
  fcntl(server.requests, F_SETFL, O_NONBLOCK);
  /* Neither the tests nor the programs that they start may ask a proxy for loopback. */
  setenv("no_proxy", "127.0.0.1", 1);
  setenv("NO_PROXY", "127.0.0.1", 1);
  return server;
}

/* What was asked for since the last call: "/set.tar.gz from 0\n…". Valid until the next call. */
static inline const char *http_requests(const http_server *server) {
  static char text[4096];
  ssize_t n = read(server->requests, text, sizeof text - 1);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

static inline void stop_http_server(http_server *server) {
  kill(server->pid, SIGKILL);
  waitpid(server->pid, NULL, 0);
  close(server->requests);
}

#endif
