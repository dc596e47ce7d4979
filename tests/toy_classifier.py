"""A page classifier for the tests: a dark page is `redacted`."""
def setup(detector):
    def classify(image):
        dark = float((image < 64).mean())
        return dict(redacted=dark, clean=1 - dark)
    return classify
