// `java -cp mariadb-java-client.jar ConnectorJ.java CORPUS.tsv TARGET.tsv`: MariaDB Connector/J, with everything that it tells.
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.sql.*;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class ConnectorJ {
  static final String[] PREPARATION = {
    "DROP DATABASE IF EXISTS conf",
    "DROP DATABASE IF EXISTS conf_b",
    "CREATE DATABASE conf CHARACTER SET utf8mb4",
    "CREATE DATABASE conf_b CHARACTER SET utf8mb4",
    "USE conf",
  };
  static final StringBuilder out = new StringBuilder();
  static Map<String, String> target = new HashMap<>();

  static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }

  static String quoted(String value) {
    if (value == null) return "null";
    if (value.length() > 2000) value = value.length() + " characters " + hash(value.getBytes(StandardCharsets.UTF_8));
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : value.toCharArray()) {
      if (c == '"' || c == '\\') quoted.append('\\').append(c);
      else if (c < 32 || c > 126) quoted.append(String.format("\\u%04x", (int) c));
      else quoted.append(c);
    }
    return quoted.append('"').toString();
  }

  static String hash(byte[] bytes) {
    try {
      return hex(MessageDigest.getInstance("SHA-1").digest(bytes));
    } catch (Exception error) {
      throw new RuntimeException(error);
    }
  }

  static String hex(byte[] bytes) {
    StringBuilder digits = new StringBuilder();
    for (byte one : bytes) digits.append(String.format("%02x", one));
    return digits.toString();
  }

  static String list(List<String> parts) {
    return "[" + String.join(",", parts) + "]";
  }

  static String errorOf(Throwable error) {
    List<String> parts = new ArrayList<>();
    for (Throwable one = error; one != null && parts.size() < 8; one = one.getCause()) {
      if (one instanceof SQLException) {
        SQLException sql = (SQLException) one;
        parts.add(list(List.of(quoted(one.getClass().getSimpleName()), String.valueOf(sql.getErrorCode()), quoted(sql.getSQLState()), quoted(sql.getMessage()))));
      } else parts.add(list(List.of(quoted(one.getClass().getSimpleName()), quoted(one.getMessage()))));
    }
    return "{\"error\":" + list(parts) + "}";
  }

  static String resultSet(ResultSet rows) throws SQLException {
    List<String> columns = new ArrayList<>();
    ResultSetMetaData meta = rows.getMetaData();
    int count = meta.getColumnCount();
    for (int at = 1; at <= count; at++) {
      columns.add(list(List.of(
        quoted(meta.getColumnName(at)), quoted(meta.getColumnLabel(at)), quoted(meta.getTableName(at)), quoted(meta.getCatalogName(at)),
        quoted(meta.getColumnTypeName(at)), "" + meta.getColumnType(at), "" + meta.getPrecision(at), "" + meta.getScale(at),
        "" + meta.getColumnDisplaySize(at), "" + meta.isSigned(at), "" + meta.isNullable(at), "" + meta.isAutoIncrement(at),
        quoted(meta.getColumnClassName(at)), "" + meta.isReadOnly(at), "" + meta.isCaseSensitive(at))));
    }
    List<String> all = new ArrayList<>();
    while (rows.next()) {
      List<String> row = new ArrayList<>();
      for (int at = 1; at <= count; at++) {
        String seen;
        try {
          byte[] bytes = rows.getBytes(at);
          seen = bytes == null ? "null" : quoted(bytes.length > 2000 ? hash(bytes) : hex(bytes));
          Object object = rows.getObject(at);
          if (object instanceof byte[]) object = hash((byte[]) object);
          if (object instanceof Blob) object = "blob of " + ((Blob) object).length();
          seen = list(List.of(seen, quoted(object == null ? null : object.getClass().getSimpleName() + " " + object)));
        } catch (Exception error) {
          seen = errorOf(error);
        }
        row.add(seen);
      }
      all.add(list(row));
    }
    return "{\"columns\":" + list(columns) + ",\"rows\":" + list(all) + "}";
  }

  static String results(Statement statement, boolean rows) throws SQLException {
    List<String> parts = new ArrayList<>();
    boolean more = rows;
    for (int count = 0; count < 1000; count++) {
      if (more) parts.add(resultSet(statement.getResultSet()));
      else {
        long affected = statement.getLargeUpdateCount();
        if (affected == -1) break;
        List<String> keys = new ArrayList<>();
        try (ResultSet generated = statement.getGeneratedKeys()) {
          while (generated.next()) keys.add(quoted(generated.getString(1)));
        } catch (SQLException error) {
          keys.add(errorOf(error));
        }
        parts.add("{\"affected\":" + affected + ",\"keys\":" + list(keys) + "}");
      }
      more = statement.getMoreResults();
    }
    List<String> warnings = new ArrayList<>();
    for (SQLWarning one = statement.getWarnings(); one != null; one = one.getNextWarning()) {
      warnings.add(list(List.of("" + one.getErrorCode(), quoted(one.getSQLState()), quoted(one.getMessage()))));
    }
    return "{\"results\":" + list(parts) + ",\"warnings\":" + list(warnings) + "}";
  }

  static class Session {
    final Connection connection;
    final String id;

    Session(String port) throws SQLException {
      connection = DriverManager.getConnection(
        "jdbc:mariadb://" + target.get("host") + ":" + port + "/?useServerPrepStmts=true&allowMultiQueries=true&allowLocalInfile=true&cachePrepStmts=false",
        target.get("user"), target.get("password"));
      // The greeting's: CONNECTION_ID() is the server's own, which the router does not know sessions by.
      id = String.valueOf(((org.mariadb.jdbc.MariaDbConnection) connection).getServerThreadId());
    }

    String query(String sql) {
      try (Statement statement = connection.createStatement()) {
        return results(statement, statement.execute(sql, Statement.RETURN_GENERATED_KEYS));
      } catch (Throwable error) {
        return errorOf(error);
      }
    }

    String execute(String[] step) {
      String sql = text(step[4]);
      List<String> all = new ArrayList<>();
      boolean call = sql.startsWith("CALL ") && sql.contains("?");
      try (PreparedStatement statement = call ? connection.prepareCall("{" + sql + "}") : connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
        if (!step[6].equals("0")) statement.setFetchSize(Integer.parseInt(step[6]));
        boolean bulk = step[8].equals("1");
        for (String execution : step[5].split("\\|", -1)) {
          int at = 1;
          for (String one : execution.isEmpty() ? new String[0] : execution.split(",")) set(statement, at++, one.split(":", -1), step[7].equals("1"));
          if (call && at > 3) {
            ((CallableStatement) statement).registerOutParameter(2, Types.INTEGER);
            ((CallableStatement) statement).registerOutParameter(3, Types.VARCHAR);
          }
          if (bulk) statement.addBatch();
          else {
            try {
              all.add(results(statement, statement.execute()));
              if (call && at > 3) all.add(list(List.of(quoted("" + ((CallableStatement) statement).getObject(2)), quoted("" + ((CallableStatement) statement).getObject(3)))));
            } catch (Throwable error) {
              all.add(errorOf(error));
            }
          }
        }
        if (bulk) {
          List<String> counts = new ArrayList<>();
          for (int one : statement.executeBatch()) counts.add("" + one);
          all.add(list(counts));
        }
      } catch (Throwable error) {
        all.add(errorOf(error));
      }
      return list(all);
    }

    void set(PreparedStatement statement, int at, String[] parameter, boolean stream) throws SQLException {
      String type = parameter[0];
      if (parameter[1].equals("~")) {
        statement.setNull(at, Types.VARCHAR);
        return;
      }
      String value = text(parameter[1]);
      switch (type) {
        case "tiny": statement.setByte(at, Byte.parseByte(value)); return;
        case "utiny": case "short": case "year": statement.setShort(at, Short.parseShort(value)); return;
        case "ushort": case "int24": case "uint24": case "long": statement.setInt(at, Integer.parseInt(value)); return;
        case "ulong": case "longlong": statement.setLong(at, Long.parseLong(value)); return;
        case "ulonglong": case "decimal": statement.setBigDecimal(at, new java.math.BigDecimal(value)); return;
        case "float": statement.setFloat(at, Float.parseFloat(value)); return;
        case "double": statement.setDouble(at, Double.parseDouble(value)); return;
        case "tinyblob": case "mediumblob": case "longblob": case "blob": case "bit": case "geometry": {
          byte[] bytes = new byte[value.length() / 2];
          for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) Integer.parseInt(value.substring(2 * i, 2 * i + 2), 16);
          if (stream) statement.setBinaryStream(at, new java.io.ByteArrayInputStream(bytes));
          else statement.setBytes(at, bytes);
          return;
        }
        case "date": if (!value.startsWith("0000")) { statement.setDate(at, Date.valueOf(value)); return; } break;
        case "datetime": case "timestamp": statement.setTimestamp(at, Timestamp.valueOf(value)); return;
        case "time": if (value.matches("[01]\\d:\\d\\d:\\d\\d")) { statement.setTime(at, Time.valueOf(value)); return; } break;
        default: break;
      }
      statement.setString(at, value);
    }

    String run(String[] step) {
      switch (step[2]) {
        case "query": case "load": return query(text(step[4]));
        case "execute": return execute(step);
        case "ping":
          try { return "" + connection.isValid(5); } catch (SQLException error) { return errorOf(error); }
        case "useSchema":
          try { connection.setCatalog(text(step[4])); return quoted(connection.getCatalog()); } catch (SQLException error) { return errorOf(error); }
        default: return "{\"skipped\":true}";
      }
    }

    void close() {
      try { connection.close(); } catch (SQLException error) { /* The server closed it. */ }
    }
  }

  static void tell(String script, int step, String result) {
    System.out.println("{\"script\":" + script + ",\"step\":" + step + ",\"result\":" + result + "}");
  }

  static Session open(Map<String, Session> sessions, String name, String port) throws SQLException {
    Session known = sessions.get(name);
    if (known == null) sessions.put(name, known = new Session(port));
    return known;
  }

  public static void main(String[] arguments) throws Exception {
    System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false, "UTF-8"));
    for (String line : Files.readAllLines(Paths.get(arguments[1]))) {
      String[] pair = line.split("\t", -1);
      target.put(pair[0], pair[1]);
    }
    Map<String, Session> sessions = new HashMap<>();
    String script = "", port = "";
    for (String line : Files.readAllLines(Paths.get(arguments[0]))) {
      String[] step = line.split("\t", -1);
      if (step[0].equals("S")) {
        for (Session one : sessions.values()) one.close();
        sessions.clear();
        script = step[1];
        port = target.get(step[2].equals("1") ? "sharedPort" : "port");
        for (int at = 0; at < PREPARATION.length; at++) tell(script, at - PREPARATION.length, open(sessions, "a", port).query(PREPARATION[at]));
        continue;
      }
      int at = Integer.parseInt(step[1]);
      if (step[2].equals("settle")) Thread.sleep(Long.parseLong(target.get("settleMs")));
      else if (step[2].equals("kill")) {
        tell(script, at, open(sessions, step[3], port).query(text(step[4]) + " " + open(sessions, text(step[5]), port).id));
        Thread.sleep(150);
      } else {
        if (step[2].equals("load")) {
          Path path = Paths.get(target.get("directory"), "load-" + script + "-" + at + ".txt");
          Files.write(path, text(step[5]).getBytes(StandardCharsets.ISO_8859_1));
          step[4] = Base64.getEncoder().encodeToString(text(step[4]).replace("FILE", path.toString()).getBytes(StandardCharsets.UTF_8));
        }
        tell(script, at, open(sessions, step[3], port).run(step));
      }
    }
    for (Session one : sessions.values()) one.close();
    System.out.flush();
  }
}
