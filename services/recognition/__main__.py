"""`python -m services.recognition`."""

from services.recognition.main import main

if __name__ == "__main__":
    main()
