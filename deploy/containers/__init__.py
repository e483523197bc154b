"""Docker Engine and stand-ins for public images, made from Debian and language packages (`make test-compose`)."""
