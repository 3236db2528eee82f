import { schemaOnlyState } from '../functions/sql-states.ts'
import { newNames } from './0017-new-names.ts'
import { allMigrations, newestMigration } from './all-migrations.ts'

/**
 * SQL that puts back the few rows that migrations made, where a dump without rows (`pg_dump --schema-only`) was loaded: the
 * functions still say what those rows said.
 */
export function loadRows(s: string): string {
  const rows = allMigrations.map(({ version, name }) => `(${version}, '${name}')`)
  return `if to_regclass('${s}.topic') is not null and not exists (select from ${s}.migration) then
  if to_regprocedure('${s}.migrated_up_to()') is null or exists (select from ${s}.outbox) then
    raise exception 'The schema "${s}" has tables, and no row says which migrations made them.'
      using errcode = '${schemaOnlyState}', hint = 'Load the dump with its rows; or, where nothing in it is needed, drop the schema "${s}" and migrate again. Nothing was changed.';
  end if;
  if ${s}.migrated_up_to() > ${newestMigration} then
    raise exception 'The tables in schema "${s}" come from a newer release, and have no rows.'
      using errcode = '${schemaOnlyState}', hint = 'Migrate with that release. Nothing was changed.';
  end if;
  insert into ${s}.migration (version, name)
  select version, name from (values ${rows.join()}) as made(version, name) where version <= ${s}.migrated_up_to();
  if ${s}.migrated_up_to() < ${newNames.version} then
    ${loadTopic(s, { thisCluster: 'here', clusterIdentity: 'home' })}
  else
    ${loadTopic(s, { thisCluster: 'this_cluster', clusterIdentity: 'cluster_identity' })}
  end if;
end if;`
}

function loadTopic(s: string, names: { readonly thisCluster: string; readonly clusterIdentity: string }): string {
  return `insert into ${s}.topic (partitions, max_event_bytes, system_identifier, database)
    select ${s}.partitions(), ${s}.max_event_bytes(), cluster.system_identifier, cluster.database from ${s}.${names.thisCluster}() as cluster
    on conflict do nothing;
    refresh materialized view ${s}.${names.clusterIdentity};`
}
