"""The page and the API as one app: on a Hugging Face Space, in a container, or with `python app.py`."""
import os
from pathlib import Path
from redaction.serve import make_app, run_app
from redaction.web import add_page

SAMPLES = sorted((Path(__file__).resolve().parent/'samples').glob('*.pdf'))
app = add_page(make_app(host=os.environ.get('GRADIO_SERVER_NAME'), port=os.environ.get('GRADIO_SERVER_PORT')), SAMPLES)

if __name__ == '__main__': run_app(app)
