"""Texts about files, sales channels and exports; the others are in ``operations``.

Source: shopify-api.md sections 3 and 6, and the schemas.
"""

from __future__ import annotations

from syncd.adapters.shopify.operation import PAGE, Operation

MEDIA_PER_PRODUCT = 50
MEDIA_PER_REQUEST = 15

PUBLICATIONS = Operation(
    "Publications",
    f"""query Publications($after: String) {{
  publications(first: 50, after: $after) {{
    {PAGE} nodes {{ id name catalog {{ id title ... on AppCatalog {{ id }} }} }}
  }}
}}""",
)

PUBLISH = Operation(
    "Publish",
    """mutation Publish($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) { userErrors { field message } }
}""",
    write=True,
)

MEDIA = Operation(
    "Media",
    f"""query Media($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Product {{
      id mediaCount {{ count }} pictures: metafield(namespace: "syncd", key: "images") {{ value }}
      media(first: {MEDIA_PER_PRODUCT}) {{ {PAGE} nodes {{ id }} }}
    }}
  }}
}}""",
)

FILES_NAMED = Operation(
    "FilesNamed",
    """query FilesNamed($query: String!) {
  files(first: 5, query: $query) { nodes { __typename id fileStatus ... on MediaImage { image { url } } } }
}""",
)

FILE_STATES = Operation(
    "FileStates",
    "query FileStates($ids: [ID!]!) { nodes(ids: $ids) { ... on MediaImage { id fileStatus } } }",
)

JOB = Operation("Job", "query Job($id: ID!) { job(id: $id) { id done } }")

STAGE_UPLOADS = Operation(
    "StageUploads",
    """mutation StageUploads($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message }
  }
}""",
    write=True,
)

CREATE_FILES = Operation(
    "CreateFiles",
    """mutation CreateFiles($files: [FileCreateInput!]!) {
  fileCreate(files: $files) { files { id fileStatus } userErrors { code field message } }
}""",
    write=True,
)

UPDATE_FILES = Operation(
    "UpdateFiles",
    """mutation UpdateFiles($files: [FileUpdateInput!]!) {
  fileUpdate(files: $files) { files { id } userErrors { code field message } }
}""",
    write=True,
)

REORDER_MEDIA = Operation(
    "ReorderMedia",
    """mutation ReorderMedia($id: ID!, $moves: [MoveInput!]!) {
  productReorderMedia(id: $id, moves: $moves) { job { id done } userErrors: mediaUserErrors { code field message } }
}""",
    write=True,
)

BULK_RUN = Operation(
    "RunBulk",
    """mutation RunBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}""",
    write=True,
)

BULK_STATE = Operation(
    "BulkState",
    "query BulkState($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount url } }",
)
