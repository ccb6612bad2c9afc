/* The KCL's lease table, read as it stands in DynamoDB. */

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.ResourceNotFoundException;

final class LeaseTable {
    record Lease(String checkpoint, String owner, Set<String> parents, Set<String> children) {}

    private LeaseTable() {}

    /** Every lease by its shard; none if there is no table. What else the KCL keeps there has no checkpoint. */
    static Map<String, Lease> read(DynamoDbAsyncClient dynamodb, String table) {
        Map<String, Lease> leases = new TreeMap<>();
        List<Map<String, AttributeValue>> items;
        try {
            items = dynamodb.scan(it -> it.tableName(table).consistentRead(true)).join().items();
        } catch (CompletionException fault) {
            if (fault.getCause() instanceof ResourceNotFoundException) {
                return leases;
            }
            throw fault;
        }
        for (var item : items) {
            if (item.containsKey("checkpoint")) {
                leases.put(item.get("leaseKey").s(), new Lease(
                        item.get("checkpoint").s(),
                        item.containsKey("leaseOwner") ? item.get("leaseOwner").s() : "",
                        strings(item.get("parentShardId")),
                        strings(item.get("childShardIds"))));
            }
        }
        return leases;
    }

    private static Set<String> strings(AttributeValue value) {
        return value == null ? Set.of() : new TreeSet<>(value.ss());
    }
}
