"""The schemas of Kubernetes, in which an unknown field is an error."""

import functools
import json

import kubernetes_validate

from rendering import title


def schema_errors(o, version):
    return [f"{title(o)}: {error}" for error in errors_of_text(json.dumps(o), version)]


# Most objects are the same in every rendering.
@functools.cache
def errors_of_text(text, version):
    try:
        kubernetes_validate.validate(json.loads(text), version, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = "/".join(str(part) for part in error.path)
        return [f"Kubernetes {version}: {where}: {error.message[:200]}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    return []
