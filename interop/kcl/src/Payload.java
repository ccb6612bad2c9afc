/*
 * The records that are put: number `n` is always the same, so that whoever reads it can tell whether it is whole.
 * Keys are not all ASCII, data is any bytes, and one in fifty is large, since encodings differ just there.
 */

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Random;

final class Payload {
    private Payload() {}

    static byte[] data(int n) {
        Random random = new Random(n);
        byte[] data = new byte[4 + (n % 50 == 0 ? 30_000 : random.nextInt(300))];
        random.nextBytes(data);
        ByteBuffer.wrap(data).putInt(n);
        return data;
    }

    static String key(int n) {
        return n % 5 == 0 ? "ключ-鍵-" + n : "key-" + n;
    }

    /** One in four is put with a hash key of its own; null for the others. */
    static BigInteger explicitHashKey(int n) {
        return n % 4 == 0 ? new BigInteger(128, new Random(-n)) : null;
    }

    /** Which of them this is, or -1. */
    static int number(ByteBuffer data) {
        return data.remaining() < 4 ? -1 : data.getInt(data.position());
    }

    /** Where it belongs. */
    static BigInteger hashKey(int n) {
        BigInteger explicit = explicitHashKey(n);
        if (explicit != null) {
            return explicit;
        }
        try {
            return new BigInteger(1, MessageDigest.getInstance("MD5").digest(key(n).getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
