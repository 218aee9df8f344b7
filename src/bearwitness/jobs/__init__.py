"""Work to be done: a queue with leases, and executors that run steps by name.

    queue = Queue(path, key)            # disposable: what was done stands in the log
    queue.add([Job(...)])
    with LocalExecutor(steps, workers=2) as executor:
        for lease in queue.lease("this machine", 2): executor.submit(lease)
        for ended in executor.collect(timeout=1): ...

The queue never says that something is done; the log does. Whoever finishes a job appends the result to the
log first and tells the queue then (:meth:`queue.Queue.finish`); a crash in between costs a look at the log.
"""
