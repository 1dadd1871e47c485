"""The forges on which repositories lie, GitHub, GitLab and Gitee: telling them how a commit does. Plain Python."""
