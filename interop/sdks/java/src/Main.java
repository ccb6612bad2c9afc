package interop;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Tries a Kinesis endpoint with the AWS SDK for Java: its client, its waiters and its paginators.
 * Why: it speaks CBOR by default, as no other SDK does, and the KCL and much of the JVM stand on it.
 * Usage: Main ENDPOINT [--short]. A line per check, then the sum; the exit code tells whether all passed.
 * Called by {@code cargo xtask interop sdks}, once as it is and once with CBOR switched off.
 */
public final class Main {
    private interface Scene {
        void run(World world) throws Exception;
    }

    public static void main(String[] arguments) {
        List<String> words = List.of(arguments);
        World world = new World(words.get(0), words.contains("--short"));
        Map<String, Scene> scenes = new LinkedHashMap<>();
        scenes.put("streams", Streams::run);
        scenes.put("records", Records::run);
        scenes.put("positions", Positions::run);
        scenes.put("shards", Shards::run);
        scenes.put("settings", Settings::run);
        scenes.put("account", Account::run);
        scenes.put("consumers", Consumers::run);
        scenes.put("asynchronous", Asynchronous::run);
        scenes.forEach((name, scene) -> world.check("all of " + name + " was tried", () -> scene.run(world)));
        world.theEncodingIsTheOneAskedFor();
        world.allOperationsWereCalled();
        System.exit(world.sumUp());
    }

    private Main() {
    }
}
