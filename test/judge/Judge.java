// Compares our resolution of Avro schemas with that of Apache Avro for Java.
//
//     java -cp JARS Judge.java PAIRS ANSWERS
//
// PAIRS are test/judge/generate.py's, ANSWERS those of `avro_judge resolve`. Compared are canonical forms and
// fingerprints of both schemas, the verdict on the pair, and each datum: read by Java with both schemas, and our bytes read
// by Java with the reader's schema alone. Differences that docs/formats/avro.md explains are counted by name; any other is
// printed and fails the run. The last lines are "explained NAME N" and "compared N".

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Resolver;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

public class Judge {
  static final int SHOWN_MAX = 20;
  static int compared, different, readable, unreadable, dataRead, dataRefused;
  static final Map<String, Integer> explained = new TreeMap<>();

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    try (BufferedReader pairs = Files.newBufferedReader(Path.of(args[0]));
        BufferedReader answers = Files.newBufferedReader(Path.of(args[1]))) {
      for (String line; (line = pairs.readLine()) != null;) {
        String answer = answers.readLine();
        if (answer == null)
          throw new IllegalStateException("there are fewer answers than pairs");
        judge(json.readTree(line), json.readTree(answer));
      }
    }
    explained.forEach((name, n) -> System.out.println("explained " + name + " " + n));
    System.out.println("pairs readable " + readable + ", not " + unreadable + "; data read " + dataRead + ", refused "
        + dataRefused);
    System.out.println("different " + different);
    System.out.println("compared " + compared);
    System.exit(different == 0 ? 0 : 1);
  }

  static void judge(JsonNode pair, JsonNode ours) throws Exception {
    if (pair.get("id").asInt() != ours.get("id").asInt())
      throw new IllegalStateException("the answers are not in the order of the pairs");
    Schema writer = new Schema.Parser().parse(pair.get("writer").textValue());
    Schema reader = new Schema.Parser().parse(pair.get("reader").textValue());
    judgeSchema(pair, writer, ours.get("writer"));
    judgeSchema(pair, reader, ours.get("reader"));

    boolean isSame = ours.get("writer").get("canonical").equals(ours.get("reader").get("canonical"));
    boolean refusedByUs = ours.has("rc");
    boolean refused, isInvalidDefault = false;
    try {
      refused = isUnreadable(Resolver.resolve(writer, reader), new IdentityHashMap<>());
    } catch (RuntimeException e) { // An alias that gives a name twice.
      refused = true;
      isInvalidDefault = e.toString().contains("Invalid default for field");
    }
    compared++;
    if (refused)
      unreadable++;
    else
      readable++;
    if (refused != refusedByUs) {
      if (isSame && !refusedByUs)
        explain("same-canonical-form");
      else if (isInvalidDefault && !refusedByUs)
        explain("default-inside-renamed-record");
      else
        differ(pair, "verdict: Java " + (refused ? "refuses" : "accepts") + ", we say " + ours.path("error").asText("yes"));
      return;
    }
    for (int i = 0; i < pair.get("data").size(); i++)
      judgeDatum(pair, ours, i, writer, reader, isSame);
  }

  static void judgeSchema(JsonNode pair, Schema schema, JsonNode ours) throws Exception {
    String canonical = SchemaNormalization.toParsingForm(schema);
    compared++;
    if (!canonical.equals(ours.get("canonical").textValue()))
      differ(pair, "canonical form: Java " + canonical + ", ours " + ours.get("canonical"));
    for (String name : List.of("CRC-64-AVRO", "MD5", "SHA-256")) {
      String hex = hex(SchemaNormalization.parsingFingerprint(name, schema));
      if (!hex.equals(ours.get(name).textValue()))
        differ(pair, name + ": Java " + hex + ", ours " + ours.get(name));
    }
    judgeLogical(pair, schema, ours.get("logical").get(0).textValue());
    for (int i = 0; schema.getType() == Schema.Type.RECORD && i < schema.getFields().size(); i++)
      judgeLogical(pair, schema.getFields().get(i).schema(), ours.get("logical").get(i + 1).textValue());
  }

  // Java 1.11 knows no duration.
  static void judgeLogical(JsonNode pair, Schema schema, String ours) {
    LogicalType type = schema.getLogicalType();
    String theirs = type == null ? "none" : type.getName();
    if (type instanceof LogicalTypes.Decimal)
      theirs += "(" + ((LogicalTypes.Decimal) type).getPrecision() + "," + ((LogicalTypes.Decimal) type).getScale() + ")";
    compared++;
    if (!ours.equals(theirs) && !ours.equals("duration"))
      differ(pair, "logical type: Java " + theirs + ", ours " + ours);
  }

  static void judgeDatum(JsonNode pair, JsonNode ours, int i, Schema writer, Schema reader, boolean isSame)
      throws Exception {
    Object theirs = null;
    String refusal = null;
    try {
      theirs = read(writer, reader, pair.get("data").get(i).textValue());
      dataRead++;
    } catch (RuntimeException e) {
      refusal = e.toString();
      dataRefused++;
    }
    compared++;
    JsonNode mine = ours.has("rc") ? ours : ours.get("resolved").get(i);
    if (mine.has("rc")) {
      if (refusal != null)
        return;
      if (ours.has("rc"))
        explain("empty-array-or-map"); // The pair is refused by both; this datum meets no item.
      else if (mine.get("error").textValue().contains("is not UTF-8"))
        explain("bytes-not-utf8");
      else
        differ(pair, "datum " + i + ": Java read " + theirs + ", we say " + mine.get("error"));
      return;
    }
    if (refusal != null) {
      if (isSame)
        explain("same-canonical-form");
      else
        differ(pair, "datum " + i + ": Java says " + refusal + ", we made " + mine.get("out"));
      return;
    }
    Object read = read(reader, reader, mine.get("out").textValue());
    if (!same(theirs, read)) {
      if (isSame)
        explain("same-canonical-form");
      else
        differ(pair, "datum " + i + ": Java read " + theirs + ", we " + read);
    }
  }

  // What every datum meets; an array or map counts as if it had an item.
  static boolean isUnreadable(Resolver.Action action, IdentityHashMap<Resolver.Action, Boolean> seen) {
    Boolean known = seen.putIfAbsent(action, false);
    if (known != null)
      return known;
    boolean result = action instanceof Resolver.ErrorAction;
    if (action instanceof Resolver.Container) {
      result = isUnreadable(((Resolver.Container) action).elementAction, seen);
    } else if (action instanceof Resolver.ReaderUnion) {
      result = isUnreadable(((Resolver.ReaderUnion) action).actualAction, seen);
    } else if (action instanceof Resolver.RecordAdjust) {
      for (Resolver.Action field : ((Resolver.RecordAdjust) action).fieldActions)
        result |= !(field instanceof Resolver.Skip) && isUnreadable(field, seen);
    } else if (action instanceof Resolver.WriterUnion) {
      result = true;
      for (Resolver.Action branch : ((Resolver.WriterUnion) action).actions)
        result &= isUnreadable(branch, seen);
    }
    seen.put(action, result);
    return result;
  }

  static Object read(Schema writer, Schema reader, String hex) throws Exception {
    byte[] bytes = new byte[hex.length() / 2];
    for (int i = 0; i < bytes.length; i++)
      bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
    Object datum = new GenericDatumReader<Object>(writer, reader).read(null, decoder);
    if (!decoder.isEnd())
      throw new IllegalStateException("bytes are left over");
    return datum;
  }

  static boolean same(Object a, Object b) {
    if (a == null || b == null)
      return a == b;
    if (a instanceof GenericRecord && b instanceof GenericRecord) {
      GenericRecord x = (GenericRecord) a, y = (GenericRecord) b;
      boolean result = x.getSchema().getFullName().equals(y.getSchema().getFullName());
      for (int i = 0; result && i < x.getSchema().getFields().size(); i++)
        result = same(x.get(i), y.get(i));
      return result;
    }
    if (a instanceof GenericEnumSymbol && b instanceof GenericEnumSymbol)
      return a.toString().equals(b.toString())
          && ((GenericEnumSymbol<?>) a).getSchema().getFullName().equals(((GenericEnumSymbol<?>) b).getSchema().getFullName());
    if (a instanceof GenericFixed && b instanceof GenericFixed)
      return Arrays.equals(((GenericFixed) a).bytes(), ((GenericFixed) b).bytes())
          && ((GenericFixed) a).getSchema().getFullName().equals(((GenericFixed) b).getSchema().getFullName());
    if (a instanceof List && b instanceof List) {
      List<?> x = (List<?>) a, y = (List<?>) b;
      boolean result = x.size() == y.size();
      for (int i = 0; result && i < x.size(); i++)
        result = same(x.get(i), y.get(i));
      return result;
    }
    if (a instanceof Map && b instanceof Map) {
      Map<?, ?> x = (Map<?, ?>) a, y = (Map<?, ?>) b;
      return x.size() == y.size() && x.keySet().stream().allMatch(k -> y.containsKey(k) && same(x.get(k), y.get(k)));
    }
    if (a instanceof ByteBuffer || a instanceof CharSequence)
      return a.getClass() == b.getClass() && a.equals(b);
    return a.equals(b); // Boxed numbers and booleans: class and value; all NaN are one.
  }

  static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (byte b : bytes)
      out.append(String.format("%02x", b));
    return out.toString();
  }

  static void explain(String name) {
    explained.merge(name, 1, Integer::sum);
  }

  static void differ(JsonNode pair, String what) {
    if (++different <= SHOWN_MAX)
      System.out.println("DIFFERENT pair " + pair.get("id") + ": " + what + "\n  writer " + pair.get("writer").textValue()
          + "\n  reader " + pair.get("reader").textValue());
  }
}
