# file: supervisor/daemon/poller.c test: daemon/test_poller
s/epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, node->fd, NULL);/node->fd;/
