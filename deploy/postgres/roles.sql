-- The roles of the database and what each may reach. Run by psql as a superuser, as often as one likes: when the
-- container's volume is empty (deploy/compose/postgres-roles.sh), when the embedded server makes its data
-- (local/stack/postgres.py), and by hand for new passwords or data of an older version (docs/operations/postgres.md).
--
-- `plateward` owns the database and the tables. Each service has a role of its own, which signs in and nothing
-- more; each service's migrations grant it its own schema and no other (ADR-0021). The passwords come from the
-- environment, so that they are on no command line. `database` is a variable of psql.
\set ON_ERROR_STOP on
\getenv owner PLATEWARD_DATABASE_PASSWORD
\getenv identity PLATEWARD_IDENTITY_PASSWORD
\getenv ingest PLATEWARD_INGEST_PASSWORD
\getenv hotlist PLATEWARD_HOTLIST_PASSWORD
\getenv retention PLATEWARD_RETENTION_PASSWORD
\getenv release PLATEWARD_RELEASE_PASSWORD
\getenv audit PLATEWARD_AUDIT_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['plateward', 'plateward_identity', 'plateward_ingest', 'plateward_hotlist',
                  'plateward_retention', 'plateward_release', 'plateward_audit']) AS role
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec
ALTER ROLE plateward PASSWORD :'owner';
ALTER ROLE plateward_identity PASSWORD :'identity';
ALTER ROLE plateward_ingest PASSWORD :'ingest';
ALTER ROLE plateward_hotlist PASSWORD :'hotlist';
ALTER ROLE plateward_retention PASSWORD :'retention';
ALTER ROLE plateward_release PASSWORD :'release';
ALTER ROLE plateward_audit PASSWORD :'audit';

-- Nobody has business in the server's own databases.
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;

SELECT format('CREATE DATABASE %I OWNER plateward', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

\connect :"database"
-- Only the services sign in here. Retention alone makes temporary tables, in a purge.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO plateward_identity, plateward_ingest, plateward_hotlist,
    plateward_retention, plateward_release, plateward_audit;
GRANT TEMPORARY ON DATABASE :"database" TO plateward_retention;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- Large objects belong to no schema: whoever may make them has a place that no grant closes.
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite'))
\gexec

-- Until November 2026 all services worked as one role. It owns nothing; what it was granted goes with it.
SELECT 'DROP OWNED BY plateward_services' WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'plateward_services') \gexec
SELECT 'DROP ROLE plateward_services' WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'plateward_services') \gexec
