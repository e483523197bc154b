"""Lists what an image of a service holds, as a CycloneDX document, read from the image itself."""
