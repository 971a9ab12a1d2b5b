"""Training images, drawn in worker processes and kept in memory as JPEG."""
import collections
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np

from labels import SIDE

AHEAD = 32  # images per worker that are drawn in advance


def draw(seed, index):
    """Draws image number `index`: image (SIDE,SIDE,3) BGR uint8, boxes (N,4) x1,y1,x2,y2 in pixels, classes (N,)."""
    from scene import scene  # imported here: a process that does not draw does not need its packages

    return scene(np.random.default_rng([seed, index]), SIDE)


def encoded(seed, index):
    image, boxes, classes = draw(seed, index)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], boxes, classes


def decoded(picture):
    data, boxes, classes = picture
    return cv2.imdecode(data, cv2.IMREAD_COLOR), boxes, classes


def begin_worker(parent):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the trainer handles Ctrl-C; it may still need images
    os.nice(10)
    cv2.setNumThreads(1)

    def end_with_parent():
        while os.getppid() == parent:
            time.sleep(5)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


class Pool:
    """The last `capacity` images. New images come in the order of their numbers, for any number of workers.

    take() raises BrokenProcessPool if a worker is killed, and the exception of a worker if drawing fails.
    """

    def __init__(self, seed, first, capacity, workers):
        self.seed, self.first, self.capacity, self.kept = seed, first, capacity, {}
        self.next = self.asked = first
        context = multiprocessing.get_context("spawn")  # torch's threads must not be forked
        self.workers = ProcessPoolExecutor(workers, context, begin_worker, (os.getpid(),))
        self.coming = collections.deque()
        for _ in range(AHEAD * workers):
            self.ask()

    def ask(self):
        self.coming.append(self.workers.submit(encoded, self.seed, self.asked))
        self.asked += 1

    def close(self):
        self.workers.shutdown(cancel_futures=True)

    def take(self):
        """Returns the next new image. It stays in the pool until `capacity` further images are taken."""
        picture = self.coming.popleft().result()
        self.ask()
        self.kept[self.next % self.capacity] = picture
        self.next += 1
        return picture

    def any(self, rng):
        """Returns a random image of the pool."""
        return self.kept[rng.integers(max(self.first, self.next - self.capacity), self.next) % self.capacity]
