curl -X POST 'https://open.welink.huaweicloud.com/api/todo/v3/addtask' \
  -H 'Content-Type: application/json' -H 'x-wlk-Authorization: a8ad1b1c2d3e4f' \
  -d '{"taskId":"66f1a-zhangsan","taskTitle":"报价单待审批","userId":"zhangsan@welink","userNameCn":"张三","userNameEn":"zhangsan","detailsUrl":"https://sso.example/m/66f1a","detailsUrlPc":"https://sso.example/66f1a","appName":"CRM","applicantUserId":"lisi@welink","applicantUserNameCn":"李四","applicantUserNameEn":"lisi","applicantId":"66f1a","isMsg":0}'
