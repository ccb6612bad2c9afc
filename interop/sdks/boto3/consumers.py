"""Consumers of a stream come, are described and listed, and go. Called by `main`."""

from checks import World, expect, expect_match, expect_now, refused, until

NAMES = ["one", "two", "three"]


def run(world: World) -> None:
    client = world.client
    arn = world.create("consumed", 1)
    arns: dict[str, str] = {}

    def described(**who) -> dict:
        return client.describe_stream_consumer(**who)["ConsumerDescription"]

    def active(name: str) -> bool:
        return described(StreamARN=arn, ConsumerName=name)["ConsumerStatus"] == "ACTIVE"

    with world.check("register consumers, one with tags"):
        for name in NAMES:
            tags = {"Tags": {"team": "tail"}} if name == "one" else {}
            consumer = client.register_stream_consumer(StreamARN=arn, ConsumerName=name, **tags)["Consumer"]
            expect("name and state", [consumer["ConsumerName"], consumer["ConsumerStatus"]], [name, "CREATING"])
            expect_match("ConsumerARN", consumer["ConsumerARN"], rf"{arn}/consumer/{name}:\d{{10}}")
            expect_now("ConsumerCreationTimestamp", consumer["ConsumerCreationTimestamp"])
            arns[name] = consumer["ConsumerARN"]
        for name in NAMES:
            until(f"{name} is ACTIVE", lambda: active(name))
    with world.check("describe a consumer, by its ARN and by its name"):
        for who in ({"ConsumerARN": arns["one"]}, {"StreamARN": arn, "ConsumerName": "one"}):
            consumer = described(**who)
            wanted = {"ConsumerName": "one", "ConsumerARN": arns["one"], "ConsumerStatus": "ACTIVE", "StreamARN": arn}
            expect("the description", {key: consumer.get(key) for key in wanted}, wanted)
            expect_now("ConsumerCreationTimestamp", consumer["ConsumerCreationTimestamp"])
    with world.check("page through the consumers"):
        pages = list(client.get_paginator("list_stream_consumers").paginate(
            StreamARN=arn, PaginationConfig={"PageSize": 2}
        ))
        expect("pages", [len(page["Consumers"]) for page in pages], [2, 1])
        consumers = {it["ConsumerName"]: it["ConsumerARN"] for page in pages for it in page["Consumers"]}
        expect("consumers", consumers, arns)
    with world.check("the summary counts them"):
        expect("ConsumerCount", world.settled("consumed")["ConsumerCount"], 3)
    with world.check("tags and a policy of a consumer"):
        one = arns["one"]
        tags = client.list_tags_for_resource(ResourceARN=one)["Tags"]
        expect("tags", tags, [{"Key": "team", "Value": "tail"}])
        client.tag_resource(ResourceARN=one, Tags={"more": "1"})
        client.untag_resource(ResourceARN=one, TagKeys=["team"])
        expect("tags", client.list_tags_for_resource(ResourceARN=one)["Tags"], [{"Key": "more", "Value": "1"}])
        expect("tags of the stream", client.list_tags_for_resource(ResourceARN=arn).get("Tags", []), [])
        policy = '{"Version":"2012-10-17","Statement":[]}'
        client.put_resource_policy(ResourceARN=one, Policy=policy)
        expect("policy", client.get_resource_policy(ResourceARN=one)["Policy"], policy)
        refused("ResourceNotFoundException", "", client.get_resource_policy, ResourceARN=arn)
        client.delete_resource_policy(ResourceARN=one)
    with world.check("refused: a consumer twice, one that is not there, one of no stream"):
        call = client.register_stream_consumer
        refused("ResourceInUseException", "", call, StreamARN=arn, ConsumerName="one")
        refused("ResourceNotFoundException", "", described, StreamARN=arn, ConsumerName="four")
        refused("ResourceNotFoundException", "", client.deregister_stream_consumer, StreamARN=arn, ConsumerName="four")
        nothing = arn.replace("stream/consumed", "stream/missing")
        refused("ResourceNotFoundException", "", call, StreamARN=nothing, ConsumerName="one")
        refused("ResourceNotFoundException", "", client.list_stream_consumers, StreamARN=nothing)
    with world.check("deregister consumers, by ARN and by name"):
        client.deregister_stream_consumer(ConsumerARN=arns["one"])
        client.deregister_stream_consumer(StreamARN=arn, ConsumerName="two")

        def left() -> list[str]:
            return [it["ConsumerName"] for it in client.list_stream_consumers(StreamARN=arn)["Consumers"]]

        until("one is left", lambda: left() == ["three"])
        refused("ResourceNotFoundException", "", described, ConsumerARN=arns["one"])
        expect("ConsumerCount", world.settled("consumed")["ConsumerCount"], 1)
    with world.check("a stream with consumers is deleted only by force"):
        refused("ResourceInUseException", "", client.delete_stream, StreamName="consumed")
        call = client.delete_stream
        refused("ResourceInUseException", "", call, StreamName="consumed", EnforceConsumerDeletion=False)
        client.delete_stream(StreamName="consumed", EnforceConsumerDeletion=True)
        client.get_waiter("stream_not_exists").wait(StreamName="consumed", WaiterConfig={"Delay": 1})
        refused("ResourceNotFoundException", "", described, ConsumerARN=arns["three"])
