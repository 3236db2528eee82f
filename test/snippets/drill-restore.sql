-- The database is lost, and its copy takes its place.
drop database shop with (force);
create database shop template shop_backup;
