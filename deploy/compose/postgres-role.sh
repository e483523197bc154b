# Read by the postgres image when its volume is empty: the services' role owns its database and is
# no superuser.
psql --set=ON_ERROR_STOP=1 --set=secret="$PLATEWARD_DATABASE_PASSWORD" --username=postgres <<'SQL'
CREATE ROLE plateward LOGIN PASSWORD :'secret';
CREATE DATABASE plateward OWNER plateward;
SQL
