/** Checks the name of a schema of Postgres, which is spliced into statements, and returns it. Throws `RangeError`. */
export function checkSchemaName(schema: string, example: string): string {
  const cannotBeUsed = (remedy: string) =>
    new RangeError(`The schema name ${JSON.stringify(schema)} can't be used: ${remedy}, for example "${example}".`)
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw cannotBeUsed('take lower-case letters, digits and "_", at most 63, not starting with a digit')
  }
  if (keywords.has(schema)) throw cannotBeUsed('it is a keyword of SQL; take another name')
  if (/^pg_|^information_schema$/.test(schema)) throw cannotBeUsed('it belongs to Postgres; take another name')
  return schema
}

/** What `pg_get_keywords()` of Postgres 18 calls reserved, or reserved for names of columns or of functions and types. */
const keywords = new Set(
  `
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
  `
    .trim()
    .split(/\s+/),
)
