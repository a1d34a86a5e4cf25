"""Asks the fake of Plane by the SDK that Plane's makers publish, which refuses what is not of the server's form."""

import json
import sys

from plane import PlaneClient
from plane.errors.errors import HttpError
from plane.models.states import CreateState
from plane.models.work_items import CreateWorkItemComment, UpdateWorkItem

url, key, workspace = sys.argv[1:]
client = PlaneClient(base_url=url, api_key=key)
client.config.retry = None
projects = client.projects.list(workspace).results
project = client.projects.retrieve(workspace, projects[0].id)
states = client.states.list(workspace, project.id).results
made = client.states.create(
    workspace, project.id, CreateState(name="Sdk", color="#123456", group="started")
)
items = client.work_items.list(workspace, project.id).results
item = client.work_items.retrieve(workspace, project.id, items[0].id)
moved = client.work_items.update(
    workspace, project.id, item.id, UpdateWorkItem(state=made.id)
)
comment = client.work_items.comments.create(
    workspace,
    project.id,
    item.id,
    CreateWorkItemComment(
        comment_html="<p>x</p>", external_source="sdk", external_id="1"
    ),
)
again = None
try:
    client.work_items.comments.create(
        workspace,
        project.id,
        item.id,
        CreateWorkItemComment(
            comment_html="<p>x</p>", external_source="sdk", external_id="1"
        ),
    )
except HttpError as error:
    again = error.status_code
comments = client.work_items.comments.list(workspace, project.id, item.id).results
activities = client.work_items.activities.list(workspace, project.id, item.id).results
print(
    json.dumps(
        {
            "me": client.users.get_me().id,
            "project": project.identifier,
            "states": [state.group for state in states],
            "item": item.sequence_id,
            "moved": moved.state == made.id,
            "comment": comment.id == comments[0].id,
            "again": again,
            "moves": [a.new_identifier == made.id for a in activities if a.field == "state"],
        }
    )
)
