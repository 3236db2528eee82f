import type { Sql } from '@commitcast/worker'

/**
 * All that a schema consists of, an object a line, sorted: two schemas with the same lines are made alike. Only the order of
 * columns does not count.
 */
export async function catalogueOf(sql: Sql, schema = 'commitcast'): Promise<string[]> {
  const rows = await sql.query<{ line: string }>(catalogue, [schema])
  return rows.map(({ line }) => line).sort()
}

const catalogue = `
  with relation as (select * from pg_class where relnamespace = $1::regnamespace)
  select format('relation %s %s %s %s %s %s %s', relkind, oid::regclass, relpersistence, relowner::regrole, relacl, reloptions,
    obj_description(oid, 'pg_class')) as line from relation
  union all
  select format('column %s %s %s not null %s default %s identity %s generated %s %s', attrelid::regclass, attname,
    format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attidentity, attgenerated, attacl)
  from pg_attribute join relation on relation.oid = attrelid and relkind <> 'i' left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where attnum > 0 and not attisdropped
  union all
  select format('index %s', pg_get_indexdef(indexrelid)) from pg_index join relation on relation.oid = indexrelid
  union all
  select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
  where connamespace = $1::regnamespace
  union all
  select format('trigger %s %s', tgenabled, pg_get_triggerdef(pg_trigger.oid)) from pg_trigger join relation on relation.oid = tgrelid
  union all
  select format('bound %s %s', oid::regclass, pg_get_expr(relpartbound, oid)) from relation where relpartbound is not null
  union all
  select format('view %s %s', oid::regclass, pg_get_viewdef(oid)) from relation where relkind in ('v', 'm')
  union all
  select format('sequence %s %s', seqrelid::regclass, to_jsonb(pg_sequence) - 'seqrelid')
  from pg_sequence join relation on relation.oid = seqrelid
  union all
  select format('function %s %s %s %s %s', oid::regprocedure, proowner::regrole, proacl, obj_description(oid, 'pg_proc'),
    pg_get_functiondef(oid)) from pg_proc where pronamespace = $1::regnamespace
  union all
  select format('type %s %s', oid::regtype, typtype) from pg_type where typnamespace = $1::regnamespace
  union all
  select format('schema %s %s', nspowner::regrole, nspacl) from pg_namespace where oid = $1::regnamespace`
