# Read by the postgres image when its volume is empty, and run by hand for a volume of an older version or
# for new passwords (deploy/README.md). `plateward` owns its database; `plateward_services` works with what
# the owner grants it. Neither is a superuser.
psql --set=ON_ERROR_STOP=1 --set=owner="$PLATEWARD_DATABASE_PASSWORD" \
    --set=services="$PLATEWARD_SERVICES_PASSWORD" --username=postgres --dbname=postgres <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY['plateward', 'plateward_services']) AS role
    WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec
ALTER ROLE plateward PASSWORD :'owner';
ALTER ROLE plateward_services PASSWORD :'services';
SELECT 'CREATE DATABASE plateward OWNER plateward'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'plateward') \gexec
SQL
