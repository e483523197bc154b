"""What docker compose needs beside its file: secrets, certificates, database roles."""
