/* TCP sockets of this machine: addresses, listening, names of faults. What the drivers of the
 * transport port have in common; nothing here waits.
 */
#ifndef LG_NET_SOCKET_H
#define LG_NET_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/base.h"

/* Understands a numeric address and "localhost"; false for everything else. */
LG_MUST_CHECK bool lg_socket_address(const char *host, uint16_t port, struct sockaddr_storage *out,
                                     socklen_t *out_size);
/* "127.0.0.1:40312" or "[::1]:40312", cut to `size` bytes. */
void lg_socket_name(const struct sockaddr_storage *address, char *out, size_t size);

/* A non-blocking descriptor that listens on host:port (port 0 picks a free one); the caller closes
 * it. LG_ERR_INVALID, LG_ERR_IN_USE, LG_ERR_REFUSED or LG_ERR_IO with what to do about it. */
LG_MUST_CHECK enum lg_rc lg_socket_listen(const char *host, uint16_t port, int *out,
                                          struct lg_error *err);
/* One more on the address of `fd`: the kernel gives each connection to one of them. Nobody else
 * gets the port. `instead`: nobody accepts on `fd`, and this is a duplicate of it. Errors as above.
 */
LG_MUST_CHECK enum lg_rc lg_socket_listen_beside(int fd, bool instead, int *out,
                                                 struct lg_error *err);
/* Ends listening, for duplicates too, and closes it. */
void lg_socket_close_listening(int fd);
/* What lg_socket_listen says of `errnum`. */
enum lg_rc lg_socket_listen_failed(int errnum, const char *host, uint16_t port,
                                   struct lg_error *err);
/* The port of a bound socket. */
uint16_t lg_socket_port(int fd);

/* Small writes go out at once; failure costs speed only. */
void lg_socket_no_delay(int fd);
/* The pending error of a socket as an errno; 0: none. */
int lg_socket_error(int fd);
/* What a connection that ended by `errnum` says: "connection refused". */
const char *lg_socket_fault(int errnum);

#endif
