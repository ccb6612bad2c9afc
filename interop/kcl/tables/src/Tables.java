/*
 * DynamoDB Local on the loopback address and in memory, where the KCL keeps its leases.
 * Why not the server it comes with: that listens on every interface, and reports its use to its makers.
 * Prints the address it listens at, and ends with its standard input, so that it never outlives who started it.
 */

import com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBRequestHandler;
import com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBServerHandler;
import java.io.OutputStream;
import java.io.PrintStream;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ContextHandler;

public final class Tables {
    private Tables() {}

    public static void main(String[] none) throws Exception {
        // The address shall be all there is on the standard output.
        PrintStream output = System.out;
        System.setOut(System.err);
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        boolean inMemory = true;
        boolean shared = true;
        boolean delayed = false;
        var requests = new LocalDynamoDBRequestHandler(0, inMemory, null, shared, delayed);
        server.setHandler(new ContextHandler(new LocalDynamoDBServerHandler(requests, null)));
        server.start();
        output.println("http://127.0.0.1:" + connector.getLocalPort());
        System.in.transferTo(OutputStream.nullOutputStream());
        System.exit(0);
    }
}
