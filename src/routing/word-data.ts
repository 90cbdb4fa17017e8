/**
 * The words that the analysis knows. MariaDB 10.11 lists its own in information_schema.KEYWORDS and SQL_FUNCTIONS;
 * test/real/routing compares. What isn't here, followed by a parenthesis, is taken for a stored routine.
 * @see https://mariadb.com/kb/en/built-in-functions/
 */
import type { Reason } from './reason.ts';

/** Built-in functions that depend on their arguments, the tables, the clock and replicated session state alone. */
export const pureFunctions = `
abs acos add_months adddate addtime aes_decrypt aes_encrypt ascii asin atan atan2 avg benchmark bin bit_and bit_count
bit_length bit_or bit_xor cast ceil ceiling char char_length character_length charset chr coalesce coercibility
collation column_add column_check column_create column_delete column_exists column_get column_json column_list compress
concat concat_operator_oracle concat_ws contains conv convert convert_tz cos cot count crc32 crc32c cume_dist curdate
current_date current_role current_time current_timestamp current_user curtime database date date_add date_format
date_sub datediff day dayname dayofmonth dayofweek dayofyear decode decode_histogram decode_oracle degrees dense_rank
elt encode encrypt exp export_set extract extractvalue field find_in_set first_value floor format from_base64 from_days
from_unixtime get_format greatest group_concat hex hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert
instr interval is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 isnull json_array json_array_append json_array_insert
json_arrayagg json_compact json_contains json_contains_path json_depth json_detailed json_equals json_exists
json_extract json_insert json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve
json_normalize json_object json_objectagg json_overlaps json_pretty json_query json_quote json_remove json_replace
json_search json_set json_table json_type json_unquote json_valid json_value lag last_day last_value lcase lead least
left length lengthb ln localtime localtimestamp locate log log10 log2 lower lpad lpad_oracle ltrim ltrim_oracle
make_set makedate maketime max md5 median microsecond mid min minute mod month monthname name_const natural_sort_key now
nth_value ntile nullif nvl nvl2 oct octet_length old_password ord password percent_rank percentile_cont percentile_disc
period_add period_diff pi position pow power quarter quote radians rand random_bytes rank regexp_instr regexp_replace
regexp_substr repeat replace replace_oracle reverse right round row_number rpad rpad_oracle rtrim rtrim_oracle schema
sec_to_time second session_user sformat sha sha1 sha2 sign sin sleep soundex space sqrt std stddev stddev_pop
stddev_samp str_to_date strcmp subdate substr substr_oracle substring substring_index subtime sum sys_guid sysdate
system_user tan time time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_char to_days
to_seconds trim trim_oracle truncate ucase uncompress uncompressed_length unhex unix_timestamp updatexml upper user
utc_date utc_time utc_timestamp uuid var_pop var_samp variance week weekday weekofyear weight_string year yearweek

area asbinary astext aswkb aswkt boundary buffer centroid convexhull crosses dimension disjoint endpoint envelope equals
exteriorring geomcollfromtext geomcollfromwkb geometrycollection geometrycollectionfromtext geometrycollectionfromwkb
geometryfromtext geometryfromwkb geometryn geometrytype geomfromtext geomfromwkb glength interiorringn intersects
isclosed isempty isring issimple linefromtext linefromwkb linestring linestringfromtext linestringfromwkb mbrcontains
mbrcoveredby mbrdisjoint mbrequal mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin mlinefromtext mlinefromwkb
mpointfromtext mpointfromwkb mpolyfromtext mpolyfromwkb multilinestring multilinestringfromtext multilinestringfromwkb
multipoint multipointfromtext multipointfromwkb multipolygon multipolygonfromtext multipolygonfromwkb numgeometries
numinteriorrings numpoints overlaps point pointfromtext pointfromwkb pointn pointonsurface polyfromtext polyfromwkb
polygon polygonfromtext polygonfromwkb srid st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_boundary
st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance
st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring st_geomcollfromtext st_geomcollfromwkb
st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext st_geometryfromwkb st_geometryn
st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb st_interiorringn st_intersection st_intersects
st_isclosed st_isempty st_isring st_issimple st_length st_linefromtext st_linefromwkb st_linestringfromtext
st_linestringfromwkb st_numgeometries st_numinteriorrings st_numpoints st_overlaps st_pointfromtext st_pointfromwkb
st_pointn st_pointonsurface st_polyfromtext st_polyfromwkb st_polygonfromtext st_polygonfromwkb st_relate st_srid
st_startpoint st_symdifference st_touches st_union st_within st_x st_y startpoint touches within x y
`;

/**
 * Built-in functions that are not for every replica, with the reason. VERSION differs while servers are upgraded one
 * by one; UUID_SHORT is unique by `server_id` modulo 256; the value of DEFAULT(column) may take one from a sequence;
 * DES_ENCRYPT reads a key file of the member; VALUE and VALUES belong to INSERT.
 */
export const functionReasons: Readonly<Record<string, Reason>> = {
  get_lock: 'lock',
  release_lock: 'lock',
  release_all_locks: 'lock',
  is_free_lock: 'lock',
  is_used_lock: 'lock',
  last_insert_id: 'session function',
  connection_id: 'session function',
  found_rows: 'row count',
  row_count: 'row count',
  nextval: 'sequence',
  lastval: 'sequence',
  setval: 'sequence',
  uuid_short: 'member value',
  version: 'member value',
  load_file: 'member value',
  des_encrypt: 'member value',
  des_decrypt: 'member value',
  binlog_gtid_pos: 'member value',
  master_gtid_wait: 'member value',
  master_pos_wait: 'member value',
  wsrep_last_seen_gtid: 'member value',
  wsrep_last_written_gtid: 'member value',
  wsrep_sync_wait_upto_gtid: 'member value',
  default: 'sequence',
};

/** Reserved words that a parenthesis may follow without a call. */
export const beforeParenthesis = `
all and any as between binary by case character collate dec decimal distinct distinctrow div double else except exists
fixed float for force from group having ignore in inner intersect is join key like limit match not numeric on or order
over partition recursive regexp rlike row select some straight_join then union using values varbinary varchar when where
with xor against index use natural cross
`;

/** Data types that aren't reserved words: a parenthesis may follow them after AS, in CAST. */
export const castTypes = `datetime nchar bit`;

/** Words with a meaning to the analysis that are in none of the lists above, or that it names. */
export const keywords = [
  ...['then', 'continue', 'exit', 'undo', 'new'],
  ...['admin', 'after', 'alter', 'analyze', 'as', 'autocommit', 'backup', 'begin', 'binlog', 'cache', 'call'],
  ...[
    'case',
    'chain',
    'change',
    'character',
    'charset',
    'check',
    'checksum',
    'close',
    'collate',
    'collation',
  ],
  ...['columns', 'commit', 'committed', 'connection', 'consistent', 'count', 'create', 'cross', 'currval'],
  ...[
    'database',
    'databases',
    'deallocate',
    'declare',
    'default',
    'delete',
    'desc',
    'describe',
    'diagnostics',
  ],
  ...[
    'distinct',
    'do',
    'drop',
    'dual',
    'dumpfile',
    'else',
    'elseif',
    'end',
    'errors',
    'event',
    'events',
    'except',
    'execute',
  ],
  ...[
    'exists',
    'explain',
    'extended',
    'extract',
    'fields',
    'flush',
    'for',
    'force',
    'format',
    'from',
    'full',
  ],
  ...['function', 'get', 'get_lock', 'global', 'grant', 'group', 'handler', 'hard', 'having', 'help', 'if'],
  ...[
    'ignore',
    'low_priority',
    'high_priority',
    'delayed',
    'quick',
    'data',
    'xml',
    'index',
    'immediate',
    'in',
    'infile',
    'inner',
    'insert',
    'install',
    'intersect',
    'into',
    'is',
  ],
  ...[
    'isolation',
    'join',
    'json_table',
    'kill',
    'lastval',
    'last_insert_id',
    'left',
    'level',
    'like',
    'limit',
  ],
  ...[
    'load',
    'local',
    'lock',
    'loop',
    'mid',
    'names',
    'natural',
    'next',
    'nextval',
    'no',
    'no_write_to_binlog',
    'not',
    'of',
    'off',
  ],
  ...['offset', 'on', 'only', 'open', 'optimize', 'or', 'order', 'outfile', 'partitions', 'password'],
  ...['position', 'prepare', 'previous', 'procedure', 'purge', 'query', 'read', 'recover', 'recursive'],
  ...['release', 'release_all_locks', 'release_lock', 'rename', 'repair', 'repeat', 'repeatable', 'replace'],
  ...['reset', 'resignal', 'resume', 'return', 'returning', 'revoke', 'role', 'rollback', 'row', 'savepoint'],
  ...[
    'schema',
    'schemas',
    'select',
    'sequence',
    'serializable',
    'session',
    'set',
    'share',
    'show',
    'shutdown',
  ],
  ...['signal', 'slave', 'snapshot', 'soft', 'sql_calc_found_rows', 'start', 'statement', 'stop', 'substr'],
  ...['substring', 'system', 'system_time', 'table', 'tables', 'temporary', 'to', 'transaction', 'trigger'],
  ...['triggers', 'trim', 'truncate', 'uncommitted', 'uninstall', 'union', 'unlock', 'update', 'use', 'user'],
  ...[
    'using',
    'value',
    'values',
    'view',
    'warnings',
    'where',
    'while',
    'window',
    'with',
    'work',
    'write',
    'xa',
  ],
  ...['replica', 'straight_join', 'lateral', 'partition', 'package', 'body', 'set', 'true', 'false', 'null'],
] as const;
