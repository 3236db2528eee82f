import type { SqlFunction } from './sql-function.ts'

/**
 * SQL that replaces those of these functions that differ from what is stored, inside a block of PL/pgSQL. A comment on each
 * function holds a hash of its text here and of its definition in Postgres, so a change on either side shows. Functions
 * are replaced in place: their rights stay, and running statements do not notice. Only where Postgres refuses that,
 * because what is returned changes, the old one is dropped. `text` is SQL that makes the text of a `template`.
 */
export function replaceFunctions(
  s: string,
  functions: readonly SqlFunction[],
  { text = 'template' }: { readonly text?: string } = {},
): string {
  return `
declare
  wanted record;
  search_path_before text := current_setting('search_path');
begin
  perform set_config('search_path', 'pg_catalog', true);
  for wanted in select signature, ${text} as text
    from (values ${functions.map((each) => wantedRow(s, each)).join()}) as listed(signature, template)
  loop
    continue when obj_description(to_regprocedure(wanted.signature), 'pg_proc') = ${mark};
    begin
      execute wanted.text;
    exception when invalid_function_definition then
      execute 'drop function ' || wanted.signature;
      execute wanted.text;
    end;
    execute format('comment on function %s is %L', wanted.signature, ${mark});
  end loop;
  perform set_config('search_path', search_path_before, true);
end;`
}

/** The text of a function that is made of what `topic` says. */
export function filledFrom(s: string): string {
  return ['partitions', 'max_event_bytes'].reduce(
    (text, column) => `replace(${text}, '{${column}}', (select ${column}::text from ${s}.topic))`,
    'template',
  )
}

/**
 * SQL that drops functions that an earlier release had and this one has not, known by their comments. A changed list of
 * arguments makes another function.
 */
export function dropOtherFunctions(s: string, functions: readonly SqlFunction[]): string {
  const signatures = functions.map(({ signature }) => `to_regprocedure('${s}.${signature}')`)
  return `
declare
  other regprocedure;
begin
  for other in select oid from pg_proc
    where pronamespace = '${s}'::regnamespace and obj_description(oid, 'pg_proc') ~ '^commitcast [0-9a-f]{32}$'
      and oid <> all (array[${signatures.join()}])
  loop
    execute 'drop function ' || other;
  end loop;
end;`
}

const mark = `'commitcast ' || md5(wanted.text || pg_get_functiondef(to_regprocedure(wanted.signature)))`

function wantedRow(s: string, { signature, sql }: SqlFunction): string {
  return `('${s}.${signature}', $function$${sql(s)}$function$)`
}
