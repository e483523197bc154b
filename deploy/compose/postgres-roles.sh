# Read by the postgres image when its volume is empty, and run by hand for a volume of an older version or
# for new passwords (docs/operations/postgres.md). The roles themselves are in deploy/postgres/roles.sql.
psql --no-psqlrc --quiet --username=postgres --dbname=postgres --set=database=plateward \
    --file=/etc/plateward/roles.sql
