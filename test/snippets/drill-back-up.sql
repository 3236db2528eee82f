-- A copy of the database, made while no one is connected to it.
alter database shop allow_connections false;
select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop';
create database shop_backup template shop;
alter database shop allow_connections true;
