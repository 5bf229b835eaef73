"""A stranger on the bus: knows the public contract (exchange, queues, keys, bodies) and nothing else of the platform.

    foreign.py URL web               publishes what comes on standard input, a JSON object {"key": .., "body": TEXT} a line
    foreign.py URL mosaic            does the work of the mosaic worker (none), and tells what it got
    foreign.py URL listen PATTERN    tells what is published under keys like PATTERN
    foreign.py URL take QUEUE        takes the messages of a queue and tells them

What is told is a JSON object a line; the first line is "ready".
"""

import json
import sys

import pika

EXCHANGE = "preprocessing"
ONLY_PERSISTENT = pika.BasicProperties(delivery_mode=2)


def tell(what):
    print(json.dumps(what), flush=True)


def received(method, properties, body):
    return {
        "key": method.routing_key,
        "body": body.decode("utf-8", "replace"),
        "headers": {k: str(v) for k, v in (properties.headers or {}).items()},
    }


def publish(channel, key, body):
    channel.basic_publish(EXCHANGE, key, body, ONLY_PERSISTENT)


def web(channel):
    tell("ready")
    for line in sys.stdin:
        message = json.loads(line)
        publish(channel, message["key"], message["body"].encode())
        tell("published")


def take(channel, queue, then=lambda body: None):
    channel.basic_qos(prefetch_count=1)

    def callback(channel, method, properties, body):
        tell(received(method, properties, body))
        channel.basic_ack(method.delivery_tag)
        then(body)

    channel.basic_consume(queue, callback)
    tell("ready")
    channel.start_consuming()


def mosaic(channel):
    done = "preprocessing.calculate_weights.done"
    take(channel, "preprocessing_mosaic_task_queue", lambda body: publish(channel, done, body))


def listen(channel, pattern):
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, EXCHANGE, pattern)
    take(channel, queue)


if __name__ == "__main__":
    url, role, *arguments = sys.argv[1:]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    {"web": web, "mosaic": mosaic, "listen": listen, "take": take}[role](connection.channel(), *arguments)
