import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The common job on Kafka Streams: count, sum, last time and tier per member, a record whenever the tier moves.
 *
 * <p>Arguments: name, bootstrap servers, topic, store (rocksdb or memory), directory for state. A member's value is
 * count and sum (64 bits each, big-endian), tier (one byte) and the text of the last time.
 */
public final class CommonJob {
  private static final String STORE = "standings";
  private static final JsonFactory JSON = new JsonFactory();
  private static final long[] THRESHOLDS = {10_000, 30_000, 80_000};
  private static final String[] TIERS = {"D", "C", "B", "A"};
  private static final int HEAD = 17;
  private static final LongAdder HANDLED = new LongAdder();

  private static final class Count implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> standings;

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
      context = given;
      standings = given.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> order) {
      byte[] key = order.key();
      if (key[0] == 0) {
        return; // the policy, which only the full product reads
      }
      long amount = 0;
      byte[] last = null;
      try (JsonParser parser = JSON.createParser(order.value())) {
        while (parser.nextToken() != null) {
          if (parser.currentToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            if (field.equals("net_amount")) {
              amount = parser.getLongValue();
            } else if (field.equals("occurred_at")) {
              last = parser.getText().getBytes(StandardCharsets.US_ASCII);
            }
          }
        }
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      long count = 1;
      long sum = amount;
      int before = 0;
      byte[] known = standings.get(key);
      if (known != null) {
        ByteBuffer read = ByteBuffer.wrap(known);
        count += read.getLong();
        sum += read.getLong();
        before = read.get();
      }
      int tier = 0;
      while (tier < THRESHOLDS.length && sum >= THRESHOLDS[tier]) {
        tier++;
      }
      standings.put(
          key, ByteBuffer.allocate(HEAD + last.length).putLong(count).putLong(sum).put((byte) tier).put(last).array());
      if (tier != before) {
        String change =
            "{\"member_id\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"monetary\":%d}"
                .formatted(new String(key, StandardCharsets.UTF_8), TIERS[before], TIERS[tier], sum);
        context.forward(order.withValue(change.getBytes(StandardCharsets.UTF_8)));
      }
      HANDLED.increment();
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    String name = arguments[0];
    boolean memory = arguments[3].equals("memory");
    Properties settings = new Properties();
    settings.put("application.id", name);
    settings.put("bootstrap.servers", arguments[1]);
    settings.put("state.dir", arguments[4]);
    settings.put("replication.factor", 1);
    settings.put("commit.interval.ms", 1000);
    settings.put("auto.offset.reset", "earliest");
    if (memory) {
      // The best settings found: everything in memory, no cache before the store, batches that fill.
      settings.put("statestore.cache.max.bytes", 0);
      settings.put("producer.linger.ms", 100);
      settings.put("producer.batch.size", 512 * 1024);
    }
    var supplier = memory ? Stores.inMemoryKeyValueStore(STORE) : Stores.persistentKeyValueStore(STORE);
    StoreBuilder<KeyValueStore<byte[], byte[]>> store =
        Stores.keyValueStoreBuilder(supplier, Serdes.ByteArray(), Serdes.ByteArray());
    if (!memory) {
      store = store.withCachingEnabled(); // as the tables of the DSL have it
    }
    StreamsBuilder builder = new StreamsBuilder();
    builder
        .addStateStore(store)
        .stream(arguments[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .process(Count::new, STORE)
        .to(name + "-tier-changes", Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
    while (true) {
      System.out.println("{\"handled\": " + HANDLED.sum() + "}");
      Thread.sleep(20);
    }
  }
}
