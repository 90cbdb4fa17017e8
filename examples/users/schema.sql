-- Tables of the users example. The deployment runs this file once, on the primary, in the application's schema.
--
-- email: the application writes it in lower case, and the column compares bytes, so "unique" means what it says
-- (an accent-insensitive collation would take josé@ and jose@ for one).
-- created_at: UTC, whatever time zone the server or the session has.
CREATE TABLE IF NOT EXISTS users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  email VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  created_at DATETIME(3) NOT NULL DEFAULT UTC_TIMESTAMP(3),
  PRIMARY KEY (id),
  UNIQUE KEY users_email (email)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
